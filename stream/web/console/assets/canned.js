// Canned answers in the reply box: `/name` lists those that fit, arrows choose, Enter takes one.
import Suggest from "earshot/suggest.js";

const SLASH = /(^|\s)\/([a-z0-9_-]*)$/i;

export const withoutSlash = (text) => text.replace(SLASH, "$1");

export const effects = (one) => [one.state && (one.state === "waiting" ? "waits for the customer" : one.state),
  ...one.tags.map((tag) => `tag ${tag}`)].filter(Boolean).join(", ");

export default {
  mixins: [Suggest],
  props: { canned: Array, text: String, open: Boolean, writes: Boolean }, // open: asked for without a slash
  computed: {
    query() { return this.open ? "" : (SLASH.exec(this.text)?.[2] ?? null); },
    fitting() {
      if (this.query === null || (!this.open && this.closed === this.text)) return [];
      const query = this.query.toLowerCase();
      const rank = (one) => (one.name.startsWith(query) ? 0 : one.name.includes(query) || one.text.toLowerCase().includes(query) ? 1 : 2);
      return (this.canned ?? []).filter((one) => (this.writes || !one.text) && rank(one) < 2)
        .sort((one, other) => rank(one) - rank(other)).slice(0, 8);
    },
  },
  watch: { query() { this.at = 0; } },
  methods: { effects },
  template: `
  <ul v-if="fitting.length" class="canned-list" role="listbox" aria-label="Canned answers" id="canned-list">
    <li v-for="(one, n) in fitting" :key="one.id" role="option" :aria-selected="n === at" :class="{ on: n === at }"
      @mousedown.prevent="$emit('pick', one)"><b class="mono">/{{ one.name }}</b>
      <span class="faint small" dir="auto">{{ one.text || 'no words' }}</span>
      <span v-if="effects(one)" class="chip">{{ effects(one) }}</span></li></ul>
  <p v-else-if="open" class="faint small">{{ writes ? 'There is no canned answer for this brand so far.' : 'No macro fits here.' }}
    A lead writes them on the page <a class="link" href="/canned">Canned answers</a>.</p>`,
};
