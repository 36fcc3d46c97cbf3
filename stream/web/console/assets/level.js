// A priority by hand: the level and why. Kept as a label that the next model learns from.
const LEVELS = ["P1", "P2", "P3", "P4"];
export const WITHOUT_WORDS = "by a look at it"; // the reason of who pressed 1 to 4

export default {
  props: { ticket: Object, busy: Boolean },
  emits: ["set", "close"],
  data: () => ({ reason: "" }),
  created() { this.LEVELS = LEVELS; },
  computed: {
    byHand() { return this.ticket.factors.find((each) => each.name === "by hand"); },
  },
  methods: {
    show() { this.reason = ""; this.$refs.dialog.showModal(); },
    pick(level) {
      this.$refs.dialog.close();
      this.$emit("set", { level, reason: this.reason.trim() || WITHOUT_WORDS });
    },
  },
  template: `
  <dialog ref="dialog" class="sheet" aria-labelledby="level-title" @close="$emit('close')"
    @click="$event.target === $refs.dialog && $refs.dialog.close()"><div class="sheet-inside">
    <h2 id="level-title">How urgent is it?</h2>
    <p v-if="byHand" class="soft">{{ byHand.words }}</p>
    <label class="small" for="why-level">Why, for colleagues and for the next model</label>
    <input id="why-level" v-model="reason" class="field" maxlength="300" autocomplete="off"
      placeholder="her alarm pendant is cut off">
    <div class="choices"><button v-for="(each, at) in LEVELS" :key="each" type="button" class="button"
      :class="{ on: each === ticket.level }" :disabled="busy" @click="pick(each)">
      <span class="level" :class="each">{{ each }}</span></button>
      <button v-if="byHand" type="button" class="button" :disabled="busy"
        @click="pick(null)">What the conversation says</button></div>
    <p class="faint small">It stays until a message of the customer is more urgent. <span class="for-keys"><kbd>1</kbd>
      to <kbd>4</kbd> on the ticket set a level at once, <kbd>0</kbd> takes it back.</span></p>
    <div class="acts"><button type="button" class="button" @click="$refs.dialog.close()">Cancel</button></div></div>
  </dialog>`,
};
