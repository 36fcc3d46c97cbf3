// What was just done, and for some seconds the way to take it back.
import { typing } from "earshot/format.js";

export default {
  props: { offer: Object },
  emits: ["undo"],
  data: () => ({ left: 0, until: 0 }),
  watch: {
    offer: { immediate: true, handler(offer) {
      if (!offer) return;
      this.until = Date.now() + 1000 * offer.seconds;
      this.count();
    } },
  },
  mounted() {
    this.ticking = setInterval(this.count, 250);
    addEventListener("keydown", this.key);
  },
  unmounted() {
    clearInterval(this.ticking);
    removeEventListener("keydown", this.key);
  },
  methods: {
    count() { this.left = Math.max(0, Math.ceil((this.until - Date.now()) / 1000)); },
    close() { this.until = this.left = 0; },
    undo() { this.$emit("undo", this.offer.n); this.close(); },
    key(event) {
      if (event.key !== "u" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (!this.left || typing(event.target) || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      this.undo();
    },
  },
  template: `
  <div class="undo-place" role="status"><div v-if="left" class="undo"><span>{{ offer.words }}</span>
    <button type="button" class="button" @click="undo">Undo <kbd>u</kbd></button>
    <span class="num faint" aria-hidden="true">{{ left }} s</span>
    <button type="button" class="quiet" aria-label="Close" @click="close"><span class="sym"
      aria-hidden="true">close</span></button></div></div>`,
};
