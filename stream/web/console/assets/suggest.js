// Suggestions below a field: arrows choose, Enter or Tab takes, Esc closes. The component has `fitting` and `text`.
export default {
  emits: ["pick", "close"],
  data: () => ({ at: 0, closed: null }),
  methods: {
    key(event) { // of the field
      if (!this.fitting.length || event.ctrlKey || event.metaKey || event.isComposing) return;
      const count = this.fitting.length;
      if (event.key === "ArrowDown") this.at = (this.at + 1) % count;
      else if (event.key === "ArrowUp") this.at = (this.at + count - 1) % count;
      else if (event.key === "Enter" || event.key === "Tab") this.$emit("pick", this.fitting[this.at]);
      else if (event.key === "Escape") { this.closed = this.text; this.$emit("close"); }
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
  },
};
