// The bell: a count here and in the tab's title; a sound and a note of the browser where they were asked for.
import { fresh, ring, show, wishes } from "earshot/notice.js";

export default {
  props: { bell: Object },
  computed: {
    late() { return this.bell?.late ?? []; },
    count() { return (this.bell?.unread ?? 0) + this.late.filter((one) => one.mine).length; },
    words() {
      const parts = [this.bell?.unread ? `${this.bell.unread} unread` : "", this.late.length ? `${this.late.length} will be late` : ""];
      return `Notices: ${parts.filter(Boolean).join(", ") || "nothing new"}`;
    },
  },
  watch: { bell: { immediate: true, handler(bell) { if (bell) { this.entitle(); this.tell(bell); } } } },
  methods: {
    entitle() { document.title = (this.count ? `(${this.count}) ` : "") + document.title.replace(/^\(\d+\) /, ""); },
    tell(bell) {
      const news = fresh("earshot.noticed", bell.latest.map((one) => one.id));
      const late = fresh("earshot.late", bell.late.map((one) => `${one.id} ${one.due}`));
      if (!news.length && !late.length) return;
      const wanted = wishes();
      if (wanted.sound) ring();
      if (!wanted.browser) return;
      for (const one of bell.latest.filter((each) => news.includes(each.id))) show(one.title, one.words, one.href, `notice-${one.id}`);
      const soon = bell.late.filter((each) => late.includes(`${each.id} ${each.due}`));
      if (soon.length === 1) show("Will be late", soon[0].words, soon[0].href, `late-${soon[0].id}`);
      if (soon.length > 1) show(`${soon.length} tickets will be late`, soon.map((each) => each.words).slice(0, 3).join("\n"), "/notices", "late");
    },
  },
  template: `
  <a class="quiet bell" href="/notices" :aria-label="words" :title="words"><span class="sym" aria-hidden="true">{{ count ? 'notifications_active' : 'notifications_none' }}</span><span
    v-if="count" class="bell-count num" aria-hidden="true">{{ count > 99 ? '99+' : count }}</span></a>`,
};
