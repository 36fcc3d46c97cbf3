// The whole conversation: into another ticket, apart, into an incident, and what was said elsewhere.
import { when } from "earshot/format.js";

const CHANNELS = ["phone", "in person", "letter", "other"];
const TABS = [["hear", "Add words"], ["merge", "Merge"], ["split", "Split"], ["link", "Incident"]];

export default {
  props: { ticket: Object, person: Object, incidents: Array, busy: Boolean },
  emits: ["join", "close"],
  data: () => ({ how: "hear", words: "", channel: "phone", into: "", chosen: [] }),
  created() { this.CHANNELS = CHANNELS; this.TABS = TABS; },
  computed: {
    others() { // tickets that may be about the same
      const theirs = (this.person?.tickets ?? []).filter((each) => each.brand === this.ticket.brand);
      const all = [...theirs.map((each) => ({ ...each, why: "the same person" })),
        ...this.ticket.similar.map((each) => ({ ...each, why: `${Math.round(100 * each.similarity)} % alike` }))];
      return all.filter((each, at) => all.findIndex((other) => other.id === each.id) === at);
    },
    messages() { return this.ticket.conversation.filter((each) => each.kind !== "deleted"); },
  },
  methods: {
    when, many: (count) => (count === 1 ? "1 ticket" : `${count} tickets`),
    show() {
      Object.assign(this, { into: "", chosen: [] });
      this.$refs.dialog.showModal();
    },
    send(told) { this.$refs.dialog.close(); this.$emit("join", told); },
    hear() { this.send({ how: "hear", text: this.words, channel: this.channel }); },
    done(how) { if (how === "hear") this.words = ""; }, // kept until it is stored
  },
  template: `
  <dialog ref="dialog" class="sheet join" aria-labelledby="join-title" @close="$emit('close')"
    @click="$event.target === $refs.dialog && $refs.dialog.close()"><div class="sheet-inside">
    <h2 id="join-title">The conversation</h2>
    <div class="choices" role="group" aria-label="What to do with it"><button v-for="[name, label] in TABS" :key="name"
      type="button" class="button small" :class="{ on: how === name }" :aria-pressed="how === name ? 'true' : 'false'"
      @click="how = name">{{ label }}</button></div>
    <form v-if="how === 'hear'" class="join-form" @submit.prevent="words.trim() && hear()">
      <label for="join-words">What the customer said elsewhere; it counts like a message of theirs</label>
      <textarea id="join-words" v-model="words" class="field" rows="4" maxlength="10000"
        placeholder="She rang: the line is dead again."></textarea>
      <label for="join-channel">How</label><select id="join-channel" v-model="channel" class="field"><option
        v-for="each in CHANNELS" :key="each">{{ each }}</option></select>
      <div class="acts"><button class="button main" :disabled="busy || !words.trim()">Add it</button><button
        type="button" class="button" @click="$refs.dialog.close()">Cancel</button></div></form>
    <form v-else-if="how === 'merge'" class="join-form"
      @submit.prevent="into.trim() && send({ how: 'merge', into: into.trim() })">
      <p class="soft">All of it goes into the other ticket, with notes, tags, and what comes later.</p>
      <label for="join-into">The other ticket</label><input id="join-into" v-model="into" class="field mono"
        maxlength="540" autocomplete="off" placeholder="its id">
      <ul v-if="others.length" class="join-list"><li v-for="each in others" :key="each.id"><label><input type="radio"
        name="into" :value="each.id" v-model="into"><span class="level" :class="each.level">{{ each.level }}</span>
        <span class="excerpt" dir="auto">{{ each.excerpt }}</span><span
        class="faint small">{{ each.why }} · {{ each.state }}</span></label></li></ul>
      <div class="acts"><button class="button main" :disabled="busy || !into.trim()">Merge</button><button
        type="button" class="button" @click="$refs.dialog.close()">Cancel</button></div></form>
    <form v-else-if="how === 'split'" class="join-form"
      @submit.prevent="chosen.length && send({ how: 'split', messages: chosen })">
      <p class="soft">The chosen messages get a ticket of their own, with the answers to them.</p>
      <ul class="join-list"><li v-for="each in messages" :key="each.id"><label><input type="checkbox" :value="each.id"
        v-model="chosen"><span class="excerpt" dir="auto">{{ each.text }}</span><span
        class="faint small num">{{ each.own ? ticket.brand : each.author }}, {{ when(each.at) }}</span></label></li></ul>
      <div class="acts"><button class="button main" :disabled="busy || !chosen.length">Split off</button><button
        type="button" class="button" @click="$refs.dialog.close()">Cancel</button></div></form>
    <div v-else class="join-form"><p v-if="!incidents?.length && !ticket.incident" class="soft">No incident of
      {{ ticket.brand ?? 'no brand' }} is known.</p>
      <ul class="join-list"><li v-for="each in incidents" :key="each.id"><button type="button" class="button"
        :class="{ on: each.id === ticket.incident?.id }" :disabled="busy || each.id === ticket.incident?.id"
        @click="send({ how: 'link', incident: each.id })">{{ each.title }} <span
        class="faint small num">{{ many(each.tickets) }}{{ each.over ? ', over' : '' }}</span></button></li></ul>
      <button v-if="ticket.incident" type="button" class="button" :disabled="busy"
        @click="send({ how: 'link', incident: null })">Take it out of its incident</button>
      <div class="acts"><button type="button" class="button" @click="$refs.dialog.close()">Cancel</button></div></div></div>
  </dialog>`,
};
