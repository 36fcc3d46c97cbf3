// Alerts and incidents: what needs somebody, what set it apart, and who has seen it.
import { ago, when } from "earshot/format.js";

const SHOWN = [["open", "Open"], ["seen", "Seen or snoozed"], ["over", "Over"]];
const KINDS = [["", "Every kind"], ["burst", "Bursts"], ["p1", "P1 tickets"], ["surge", "Surges of P1"], ["backlog", "Old P1 tickets"], ["spend", "Spending"], ["drift", "Drift"]];
const SEVERITIES = [[1, "Any severity"], [4, "4 and more"], [6, "6 and more"], [8, "8 and more"], [10, "10 alone"]];
const SORTS = [["urgent", "Bursts first"], ["severity", "Gravest first"], ["newest", "Newest first"], ["oldest", "Oldest first"]];
const SINCE = [["", "Of any time"], ["1h", "Of the last hour"], ["24h", "Of the last day"], ["7d", "Of the last week"], ["30d", "Of the last month"]];
const MEANS = ["", "good to know", "good to know", "good to know", "look at it today", "look at it today", "look at it within the hour", "look at it within the hour", "look at it now", "look at it now", "look at it now"];
const USUAL = { show: "open", brand: "", kind: "", severity: "1", since: "", sort: "urgent", words: "", page: "1" };
const SNOOZES = [[1, "1 hour"], [4, "4 hours"], [24, "1 day"], [72, "3 days"]];

export default {
  props: { asked: Object, brands: Array, counts: Object, alerts: Array, incidents: Array, members: Object, answered: Object, busy: Array, agent: Boolean, size: Number, note: String },
  emits: ["choose", "acknowledge", "acknowledge_all", "snooze", "members", "answer"],
  data: () => ({ shown: SHOWN, kinds: KINDS, severities: SEVERITIES, sorts: SORTS, means: MEANS, sinces: SINCE, sure: false, snoozes: SNOOZES, now: Date.now(), words: {} }),
  mounted() { this.ticking = setInterval(() => { this.now = Date.now(); }, 5000); addEventListener("popstate", this.back); },
  beforeUnmount() { clearInterval(this.ticking); removeEventListener("popstate", this.back); },
  methods: {
    ago(at) { return ago(at * 1000, this.now); },
    when(at) { return when(at * 1000); },
    count(name) { return (this.counts ?? {})[name] ?? 0; },
    choose(changes) {
      const asked = { ...this.asked, page: "1", ...changes }, query = new URLSearchParams();
      for (const [name, usual] of Object.entries(USUAL)) if (String(asked[name]) !== usual) query.set(name, asked[name]);
      history.pushState(null, "", location.pathname + (query.size ? `?${query}` : ""));
      this.sure = false;
      this.$emit("choose", asked);
    },
    turn(by) { this.choose({ page: String(Number(this.asked.page) + by) }); this.$nextTick(() => { this.$refs.list?.focus(); scrollTo({ top: 0 }); }); },
    back() { this.$emit("choose", { ...USUAL, ...Object.fromEntries(new URLSearchParams(location.search)) }); },
    seenAll() { if (!this.sure) { this.sure = true; setTimeout(() => { this.sure = false; }, 5000); return; } this.sure = false; this.$emit("acknowledge_all", this.asked); },
    standing(one) {
      if (one.standing === "over") return one.recovered ? `over since ${this.when(one.recovered)}` : one.ticket ? "over: its ticket is done" : "over: its tickets are done";
      if (one.standing === "snoozed") return `snoozed until ${this.when(one.until)} by ${one.snoozed_by}`;
      if (one.standing === "acknowledged") return `seen by ${one.seen_by}`;
      return "";
    },
    open(id, event) { if (event.target.open && !this.members[id]) this.$emit("members", id); },
  },
  template: `
<div class="page alerts">
  <div class="monitor-top">
    <h1>Alerts</h1>
    <div class="segments" role="group" aria-label="Which alerts">
      <button v-for="[name, words] in shown" :key="name" type="button" :aria-pressed="asked.show === name" @click="choose({ show: name })">{{ words }} <span class="num">{{ count(name) }}</span></button>
    </div>
    <label v-if="brands.length > 1"><span class="hidden-words">Brand</span>
      <select class="field" :value="asked.brand" @change="choose({ brand: $event.target.value })"><option value="">All brands</option><option v-for="brand in brands" :key="brand">{{ brand }}</option></select></label>
    <span v-if="note" class="chip as-of bad" role="status">{{ note }}</span>
  </div>
  <form class="alert-filter" role="search" aria-label="Alerts" @submit.prevent="choose({ words: $refs.words.value })">
    <input ref="words" aria-label="Words" class="field" type="search" :value="asked.words" maxlength="200" placeholder="words, topic, ticket" @change="choose({ words: $event.target.value })">
    <select aria-label="Kind" class="field" :value="asked.kind" @change="choose({ kind: $event.target.value })"><option v-for="[value, title] in kinds" :value="value">{{ title }}</option></select>
    <select aria-label="Severity" class="field" :value="asked.severity" @change="choose({ severity: $event.target.value })"><option v-for="[value, title] in severities" :value="String(value)">{{ title }}</option></select>
    <select aria-label="Time" class="field" :value="asked.since" @change="choose({ since: $event.target.value })"><option v-for="[value, title] in sinces" :value="value">{{ title }}</option></select>
    <select aria-label="Order" class="field" :value="asked.sort" @change="choose({ sort: $event.target.value })"><option v-for="[value, title] in sorts" :value="value">{{ title }}</option></select>
    <button v-if="agent && asked.show === 'open' && count('open')" class="button" type="button" @click="seenAll"><span class="sym" aria-hidden="true">done_all</span>{{ sure ? "Sure? All " + count("open") : "Acknowledge all " + count("open") }}</button>
  </form>
  <div class="alerts-grid">
    <section ref="list" tabindex="-1" aria-label="Alerts" aria-live="polite">
      <ol v-if="alerts?.length" class="alert-list">
        <li v-for="one in alerts" :key="one.id" :id="one.id" class="panel" :class="[one.standing, one.kind]">
          <div class="alert-head"><span class="severity" :data-severity="one.severity" role="img" :title="means[one.severity]" :aria-label="'severity ' + one.severity + ' of 10: ' + means[one.severity]">{{ one.severity }}</span>
            <div><h2 v-if="one.ticket"><a :href="one.ticket.href" dir="auto">{{ one.ticket.excerpt ?? "This ticket was withdrawn." }}</a></h2><h2 v-else>{{ one.title }}</h2>
              <p class="faint"><template v-if="one.ticket"><span v-if="one.ticket.level" class="level" :class="one.ticket.level">{{ one.ticket.level }}</span> {{ one.brand ?? "no brand" }} · {{ one.ticket.owner ? one.ticket.owner + ", " : "" }}{{ one.ticket.state }} · </template><time>{{ when(one.started) }}</time>, {{ ago(one.started) }}<template v-if="one.duration"> · {{ one.duration }}</template></p></div>
            <span v-if="standing(one)" class="chip">{{ standing(one) }}</span></div>
          <template v-if="one.kind === 'burst'">
            <div v-if="one.expected" class="versus" role="img" :aria-label="one.negative + ' negative messages where ' + one.expected + ' were usual'">
              <span class="now" :style="{ width: '100%' }"><b class="num">{{ Math.round(one.negative) }}</b> negative</span>
              <span class="usual" :style="{ width: Math.max(2, 100 * one.expected / Math.max(one.negative, one.expected)) + '%' }"></span><small class="faint">{{ one.expected }} were usual</small></div>
            <p v-if="one.words.length" class="apart"><span class="faint">set apart by</span> <span v-for="word in one.words" :key="word" class="chip">{{ word }}</span></p>
            <ul v-if="one.examples.length" class="examples"><li v-for="each in one.examples" :key="each.id"><a :href="each.href"><span dir="auto">{{ each.text }}</span><small v-if="each.author" class="faint">{{ each.author }}</small></a></li></ul>
          </template>
          <p v-else-if="one.detail" class="soft">{{ one.detail }}</p>
          <div v-if="agent && one.standing !== 'over'" class="alert-acts">
            <button v-if="!one.seen_by" class="button" :class="{ main: one.kind !== 'p1' }" type="button" @click="$emit('acknowledge', one.id)"><span class="sym" aria-hidden="true">done</span>Acknowledge</button>
            <label v-if="one.standing !== 'snoozed'"><span class="hidden-words">Snooze</span><select class="field" @change="$emit('snooze', { id: one.id, hours: Number($event.target.value) }); $event.target.value = ''"><option value="" selected>Snooze ...</option><option v-for="[hours, words] in snoozes" :value="hours">for {{ words }}</option></select></label>
            <button v-else class="button" type="button" @click="$emit('snooze', { id: one.id, hours: 0 })"><span class="sym" aria-hidden="true">notifications_active</span>Wake</button>
          </div>
        </li>
      </ol>
      <div v-if="alerts && count(asked.show) > size" class="pager" role="group" aria-label="Pages"><button class="button" type="button" :disabled="asked.page === '1'" @click="turn(-1)">Before</button><span class="faint num">{{ size * (asked.page - 1) + 1 }} to {{ Math.min(size * asked.page, count(asked.show)) }} of {{ count(asked.show) }}</span><button class="button" type="button" :disabled="size * asked.page >= count(asked.show)" @click="turn(1)">Next</button></div>
      <div v-if="alerts && !alerts.length" class="empty panel"><span class="sym big" aria-hidden="true">notifications_none</span><h2>{{ asked.show === "open" ? "Nothing waits for anybody" : "Nothing here" }}</h2><p>{{ asked.show === "open" ? "A P1 ticket or a burst of negative messages appears here at once." : "Alerts come here when somebody has seen them, or when they are over." }}</p></div>
    </section>
    <section aria-labelledby="incidents" class="incidents">
      <h2 id="incidents">Incidents</h2>
      <p class="faint">Tickets of one brand about the same problem</p>
      <article v-for="one in incidents" :key="one.id" class="panel incident" :class="{ past: one.ended }">
        <div class="alert-head"><span class="severity" :data-severity="one.severity">{{ one.severity }}</span>
          <div><h3>{{ one.title }}</h3><p class="faint">{{ one.brand }} · since {{ when(one.started) }}<template v-if="one.ended"> · over</template></p></div></div>
        <p class="incident-count"><b class="num">{{ one.tickets }}</b> {{ one.tickets === 1 ? "ticket" : "tickets" }}<template v-if="one.open !== one.tickets">, {{ one.open }} open</template><template v-if="one.p1">, {{ one.p1 }} P1</template> · <span class="faint">last {{ ago(one.last) }}</span></p>
        <details @toggle="open(one.id, $event)"><summary>Its tickets</summary>
          <p v-if="!members[one.id]" class="faint">Looking ...</p>
          <ul class="examples"><li v-for="each in members[one.id]" :key="each.id"><a :href="each.href"><span dir="auto"><span v-if="each.level" class="level" :class="each.level">{{ each.level }}</span> {{ each.excerpt ?? "withdrawn" }}</span><small class="faint">{{ each.state }}</small></a></li></ul></details>
        <form v-if="agent && one.open" class="incident-answer" @submit.prevent="$emit('answer', { id: one.id, words: words[one.id] ?? '' })">
          <label><span class="faint">What everybody is told, in your words (empty: the usual answer)</span><textarea class="field" rows="2" dir="auto" maxlength="2000" v-model="words[one.id]" placeholder="A cable is cut in Mainz; your line is back by 6 pm."></textarea></label>
          <button class="button" type="submit" :disabled="busy.includes(one.id)"><span class="sym" aria-hidden="true">edit_note</span>{{ busy.includes(one.id) ? "Drafting ..." : "Answer the incident" }}</button></form>
        <div v-if="answered[one.id]" role="status" class="answered" :class="{ bad: answered[one.id].bad }"><p>{{ answered[one.id].words }}</p>
          <p v-if="answered[one.id].links.length"><template v-for="(each, at) in answered[one.id].links"><a :href="each.href">{{ each.id }}</a>{{ at + 1 &lt; answered[one.id].links.length ? ", " : "" }}</template></p></div>
      </article>
      <p v-if="incidents && !incidents.length" class="quiet-note">No incident so far.</p>
    </section>
  </div>
</div>`,
};
