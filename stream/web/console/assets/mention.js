// Colleagues in a note: `@` and a beginning lists them.
import Suggest from "earshot/suggest.js";

const AT = /(^|[^\w@.-])@([\p{L}\p{N}_.-]*)$/u;

export const named = (text, name) => `${text.replace(AT, "$1")}@${name} `;

export default {
  mixins: [Suggest],
  props: { people: Array, text: String },
  computed: {
    query() { return AT.exec(this.text)?.[2] ?? null; },
    fitting() {
      if (this.query === null || this.closed === this.text) return [];
      return (this.people ?? []).filter((name) => name.toLowerCase().startsWith(this.query.toLowerCase())).slice(0, 6);
    },
  },
  watch: { query() { this.at = 0; } },
  template: `
  <ul v-if="fitting.length" class="canned-list" role="listbox" aria-label="Colleagues" id="mention-list"><li
    v-for="(name, n) in fitting" :key="name" role="option" :aria-selected="n === at" :class="{ on: n === at }"
    @mousedown.prevent="$emit('pick', name)"><b>@{{ name }}</b></li></ul>`,
};
