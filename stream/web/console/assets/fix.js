// Corrections in two keystrokes: x, then the letter beside what it should be. Kept with who said it.
import { inWords, SEVERITIES } from "earshot/talk.js";

const FIXED = [
  ["sentiment", [["n", "negative"], ["u", "neutral"], ["p", "positive"]]],
  ["complaint", [["y", "yes"], ["o", "no"]]],
  ["severity", [["0", "0"], ["1", "1"], ["2", "2"], ["3", "3"], ["4", "4"]]],
  ["outcome", [["d", "resolved"], ["f", "follow_up"]]],
];
const FREE = [..."abceghijklmqrstvwxz56789"]; // for topics; with Shift for the topic's problems

export default {
  props: { message: Object, topics: Array, problems: Array },
  emits: ["correct", "close"],
  computed: {
    groups() {
      if (!this.message) return [];
      const topic = this.message.corrected.topic?.is ?? this.message.judged.topic;
      const near = this.problems.filter((each) => each.topic === topic);
      const far = this.problems.filter((each) => each.topic !== topic).map((each) => each.name);
      const fixed = FIXED.filter(([field]) => field !== "outcome" || this.message.kind === "transcript");
      const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
      return [
        ...fixed.map(([field, choices]) => ({ field, choices: choices.map(([key, value]) => ({ key, value })) })),
        { field: "topic", choices: this.topics.map((value, at) => ({ key: FREE[at], value })) },
        { field: "problem", choices: near.map((each, at) => ({ key: letters[at], value: each.name })), far },
      ];
    },
  },
  created() { this.SEVERITIES = SEVERITIES; },
  methods: {
    inWords,
    show() { this.$refs.dialog.showModal(); },
    is(field, value) { return (this.message.corrected[field]?.is ?? this.message.judged[field]) === value; },
    pick(field, value) {
      this.$refs.dialog.close();
      this.$emit("correct", { event: this.message.id, field, value });
    },
    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
      for (const group of this.groups) {
        const found = group.choices.find((each) => each.key === event.key);
        if (found) { event.preventDefault(); event.stopPropagation(); return this.pick(group.field, found.value); }
      }
    },
  },
  template: `
  <dialog ref="dialog" class="sheet fix" aria-labelledby="fix-title" @keydown="key" @close="$emit('close')"
    @click="$event.target === $refs.dialog && $refs.dialog.close()">
    <div v-if="message" class="sheet-inside"><h2 id="fix-title">What should the model have said?</h2>
      <p class="quote soft" dir="auto">{{ message.text.slice(0, 220) }}</p>
      <div v-for="group in groups" :key="group.field" class="fix-row"><h3>{{ group.field }}</h3><div role="group"
        :aria-label="group.field">
        <button v-for="each in group.choices" :key="each.value" type="button" class="button small"
          :class="{ on: is(group.field, each.value) }" :aria-pressed="is(group.field, each.value) ? 'true' : 'false'"
          @click="pick(group.field, each.value)"><kbd
          v-if="each.key">{{ each.key }}</kbd>{{ group.field === 'severity' ? SEVERITIES[each.value] : inWords(group.field, each.value) }}</button>
        <select v-if="group.far?.length" class="field small" aria-label="another problem"
          @change="$event.target.value && pick('problem', $event.target.value)"><option
          value="">another problem …</option><option v-for="name in group.far" :key="name"
          :value="name">{{ name }}</option></select>
      </div></div>
      <div class="acts"><button type="button" class="button" @click="$refs.dialog.close()">Cancel</button></div></div>
  </dialog>`,
};
