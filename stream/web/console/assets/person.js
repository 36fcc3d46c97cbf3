// The person behind the ticket: their handles, their other tickets and calls, and how their mood went.
import Course from "earshot/course.js";
import { when } from "earshot/format.js";

export default {
  components: { Course },
  props: { person: Object, agent: Boolean, busy: Boolean },
  emits: ["open", "link"],
  data: () => ({ linking: false, network: "", author: "" }),
  watch: { "person.ticket"() { this.linking = false; this.author = ""; } },
  computed: {
    networks() { return [...new Set([...this.person.handles.map((one) => one.network), "x", "mastodon", "bluesky", "imap"])]; },
    parted() { return this.person.links.filter((one) => !one.alike); },
    joined() { return this.person.links.filter((one) => one.alike); },
  },
  methods: {
    when,
    safe: (url) => (/^https:\/\//.test(url ?? "") ? url : null),
    add() {
      if (!this.author.trim()) return;
      this.$emit("link", { network: this.network || this.networks[0], author: this.author });
      this.author = "";
      this.linking = false;
    },
  },
  template: `
  <section class="panel person" aria-labelledby="person-title"><h2 id="person-title">The person <span v-if="person.first"
    class="faint">first seen {{ when(person.first) }}</span></h2>
    <ul class="handles"><li v-for="one in person.handles" :key="one.network + one.author"><a v-if="safe(one.profile)"
      class="link" :href="safe(one.profile)" target="_blank" rel="noopener noreferrer nofollow">{{ one.author }}</a><b
      v-else>{{ one.author }}</b> <span class="faint small">on {{ one.network }}, <span
      class="num">{{ one.messages }}</span> {{ one.messages === 1 ? 'message' : 'messages' }}<template v-if="one.calls">,
      {{ one.calls }} of them {{ one.calls === 1 ? 'a call' : 'calls' }}</template></span>
      <template v-if="!one.linked"> <span class="chip">same name</span><button v-if="agent" type="button" class="link"
        :disabled="busy" @click="$emit('link', { network: one.network, author: one.author })">the same person</button>
        <button v-if="agent" type="button" class="link" :disabled="busy"
        @click="$emit('link', { network: one.network, author: one.author, alike: false })">somebody else</button></template>
    </li></ul>
    <ul v-if="person.links.length" class="ties small soft"><li v-for="one in joined" :key="one.id">{{ one.actor }} linked
      {{ one.handle }} on {{ one.network }} with {{ one.other_handle }} on {{ one.other_network }} <button v-if="agent"
      type="button" class="link" :disabled="busy" @click="$emit('link', { undo: one.id })">undo</button></li>
      <li v-for="one in parted" :key="one.id">{{ one.actor }} says: {{ one.handle }} on {{ one.network }} is not
      {{ one.other_handle }} on {{ one.other_network }} <button v-if="agent" type="button" class="link" :disabled="busy"
      @click="$emit('link', { undo: one.id })">undo</button></li></ul>
    <form v-if="agent && linking" class="tie" @submit.prevent="add"><label class="hidden-words" for="tie-network">On
      which network</label><select id="tie-network" v-model="network" class="field small"><option v-for="one in networks"
      :key="one" :value="one">{{ one }}</option></select><label class="hidden-words" for="tie-author">Which handle</label>
      <input id="tie-author" ref="author" v-model="author" class="field small" maxlength="300" autocomplete="off"
      placeholder="their handle there"><button class="button small" :disabled="busy || !author.trim()">Link</button><button
      type="button" class="button small" @click="linking = false">Cancel</button></form>
    <p v-else-if="agent"><button type="button" class="link" @click="linking = true; network = network || networks[0];
      $nextTick(() => $refs.author.focus())">They also write as …</button></p>
    <Course v-if="person.moods.length > 1" :points="person.moods" title="Mood over time" :spread="true" />
    <template v-if="person.tickets.length"><h3>Their other tickets</h3><ul class="similar"><li v-for="one in person.tickets"
      :key="one.id"><a :href="one.href" @click.exact.prevent="$emit('open', one.id)"><span class="level"
      :class="one.level">{{ one.level }}</span><span class="excerpt" dir="auto">{{ one.excerpt }}</span><span
      class="faint small"><span v-if="one.call" class="sym" aria-hidden="true">call</span>{{ one.call ? ' call, ' : '' }}{{ one.network }}<template
      v-if="one.brand">, {{ one.brand }}</template>, {{ one.state }}<template v-if="one.owner">, {{ one.owner }}</template>,
      <span class="num">{{ when(one.at) }}</span></span></a></li></ul></template>
    <p v-else class="faint small">No other ticket of theirs.</p>
  </section>`,
};
