// Notices: what names me, what is mine, what will be late; and how this browser tells me.
import { ago, span } from "earshot/format.js";
import { able, ring, show, wish, wishes } from "earshot/notice.js";

export default {
  props: { me: String, notices: Array, late: Array, unread: Number, assigned: Number, note: String },
  emits: ["read"],
  data: () => ({ now: Date.now(), wanted: wishes(), refused: "" }),
  computed: { mine() { return `/?owner=${encodeURIComponent(this.me)}`; } },
  mounted() { this.ticking = setInterval(() => { this.now = Date.now(); }, 1000); },
  beforeUnmount() { clearInterval(this.ticking); },
  methods: {
    ago, span,
    sound() { this.wanted = wish({ sound: !this.wanted.sound }); if (this.wanted.sound) ring(); },
    async browser() { // asks for the permission: only here, only by a press
      this.refused = "";
      if (this.wanted.browser) { this.wanted = wish({ browser: false }); return; }
      if (!able()) { this.refused = "This browser shows notes only of pages over https, or of this computer."; return; }
      if (await Notification.requestPermission() !== "granted") { this.refused = "The browser does not allow it; its settings for this site can."; return; }
      this.wanted = wish({ browser: true });
      show("earshot", "You are told here from now on.", "/notices", "hello");
    },
  },
  template: `
<div class="page notices">
  <div class="monitor-top"><h1>Notices</h1><span class="chip num">{{ unread ?? 0 }} unread</span>
    <a class="button" :href="mine"><span class="sym" aria-hidden="true">assignment_ind</span>Assigned to me <span class="num">{{ assigned ?? 0 }}</span></a>
    <button v-if="unread" type="button" class="button" @click="$emit('read', null)"><span class="sym" aria-hidden="true">done_all</span>Mark all as read</button>
    <span v-if="note" class="chip as-of bad" role="status">{{ note }}</span></div>
  <section class="panel tell-me" aria-labelledby="tell-h"><h2 id="tell-h">How this browser tells you</h2>
    <div class="acts"><button type="button" class="button" role="switch" :aria-checked="wanted.sound" :class="{ on: wanted.sound }" @click="sound"><span class="sym" aria-hidden="true">{{ wanted.sound ? 'volume_up' : 'volume_off' }}</span>Sound {{ wanted.sound ? 'on' : 'off' }}</button>
      <button type="button" class="button" role="switch" :aria-checked="wanted.browser" :class="{ on: wanted.browser }" @click="browser"><span class="sym" aria-hidden="true">{{ wanted.browser ? 'notifications_active' : 'notifications_off' }}</span>Notes of the browser {{ wanted.browser ? 'on' : 'off' }}</button></div>
    <p v-if="refused" class="note-bad small" role="alert">{{ refused }}</p></section>
  <section v-if="late?.length" aria-labelledby="late-h"><h2 id="late-h">Will be late</h2><ol class="notice-list"><li v-for="one in late" :key="one.id" class="panel"><a :href="one.href"><span class="level" :class="one.level">{{ one.level }}</span><span class="words" dir="auto">{{ one.words }}</span><span class="faint small">{{ one.brand ?? 'no brand' }}, {{ one.mine ? 'yours' : "nobody's" }}, <b class="num">{{ span(one.due - now) }}</b> left</span></a></li></ol></section>
  <section aria-labelledby="mentions-h"><h2 id="mentions-h">Mentions and given tickets</h2>
    <ol v-if="notices?.length" class="notice-list"><li v-for="one in notices" :key="one.id" class="panel" :class="{ unread: !one.read }"><a :href="one.href" @click="one.read || $emit('read', one.id)"><span class="level" :class="one.level">{{ one.level }}</span><span class="words" dir="auto"><b>{{ one.title }}</b> {{ one.words }}</span><span class="faint small">{{ one.brand ?? 'no brand' }}, {{ ago(one.at, now) }}{{ one.read ? '' : ', unread' }}</span></a>
      <button v-if="!one.read" type="button" class="quiet" :aria-label="'Mark as read: ' + one.title" title="Mark as read" @click="$emit('read', one.id)"><span class="sym" aria-hidden="true">done</span></button></li></ol>
    <p v-else-if="notices" class="faint">Nothing so far. A note with <span class="mono">@{{ me }}</span> appears here, and so does a ticket that a colleague gives to you.</p></section>
</div>`,
};
