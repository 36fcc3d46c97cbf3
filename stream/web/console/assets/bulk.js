// Acts on the tickets that were chosen in the queue, all at once.
import { moments } from "earshot/moments.js";

export default {
  props: { n: Number, found: Number, most: Number, people: Array, me: String, busy: Boolean },
  emits: ["act", "all", "clear"],
  data: () => ({ tag: "", times: [] }),
  computed: {
    more() { return this.found > this.n && this.n < this.most; },
  },
  methods: {
    count: (n) => n.toLocaleString(),
    show(name) { this.tag = ""; this.times = moments(Date.now()); this.$refs[name].showModal(); },
    act(action, sheet) {
      if (this.busy) return;
      if (sheet) this.$refs[sheet].close();
      this.$emit("act", action);
    },
    mark(how) { if (this.tag.trim()) this.act({ action: "tag", [how]: [this.tag] }, "tagging"); },
  },
  template: `
  <div class="bulk" role="group" aria-label="Acts on the chosen tickets"><b class="num"
    aria-live="polite">{{ count(n) }} chosen</b>
    <button v-if="more" type="button" class="button" :disabled="busy"
      @click="$emit('all')">{{ found > most ? 'The gravest ' + count(most) : 'All ' + count(found) }} <kbd>*</kbd></button>
    <button type="button" class="button" :disabled="busy" @click="act({ action: 'claim' })">Claim <kbd>c</kbd></button>
    <button type="button" class="button" :disabled="busy" @click="show('giving')">Assign</button>
    <button type="button" class="button" :disabled="busy" @click="show('tagging')">Tag</button>
    <button type="button" class="button" :disabled="busy" title="Seen: new tickets are open"
      @click="act({ action: 'acknowledge' })">Acknowledge</button>
    <button type="button" class="button" :disabled="busy" @click="show('snoozing')">Snooze</button>
    <button type="button" class="button" :disabled="busy"
      @click="act({ action: 'resolve' })">Resolve <kbd>r</kbd></button>
    <button type="button" class="quiet" title="Choose none (Esc)" aria-label="Choose none" @click="$emit('clear')"><span
      class="sym" aria-hidden="true">close</span></button>
    <dialog ref="giving" class="sheet" aria-labelledby="bulk-giving"
      @click="$event.target === $refs.giving && $refs.giving.close()"><div class="sheet-inside"><h2
      id="bulk-giving">Who shall have them?</h2>
      <div class="choices"><button v-for="each in people" :key="each" type="button" class="button"
        @click="act({ action: 'assign', owner: each }, 'giving')">{{ each === me ? each + ' (you)' : each }}</button>
        <button type="button" class="button" @click="act({ action: 'assign', owner: null }, 'giving')">Nobody</button></div>
      <div class="acts"><button type="button" class="button" @click="$refs.giving.close()">Cancel</button></div></div>
    </dialog>
    <dialog ref="tagging" class="sheet" aria-labelledby="bulk-tagging"
      @click="$event.target === $refs.tagging && $refs.tagging.close()"><form class="sheet-inside"
      @submit.prevent="mark('add')"><h2 id="bulk-tagging">Which tag?</h2>
      <label class="hidden-words" for="bulk-tag">The tag</label><input id="bulk-tag" v-model="tag" class="field"
        maxlength="40" autocomplete="off">
      <div class="acts"><button class="button main" :disabled="!tag.trim()">Add</button><button type="button"
        class="button" :disabled="!tag.trim()" @click="mark('remove')">Take away</button><button type="button"
        class="button" @click="$refs.tagging.close()">Cancel</button></div></form></dialog>
    <dialog ref="snoozing" class="sheet" aria-labelledby="bulk-snoozing"
      @click="$event.target === $refs.snoozing && $refs.snoozing.close()"><div class="sheet-inside"><h2
      id="bulk-snoozing">Snooze until</h2>
      <div class="choices"><button v-for="[key, name, at] in times" :key="key" type="button" class="button"
        @click="act({ action: 'snooze', until: new Date(at).toISOString() }, 'snoozing')">{{ name }}</button></div>
      <div class="acts"><button type="button" class="button" @click="$refs.snoozing.close()">Cancel</button></div></div>
    </dialog>
  </div>`,
};
