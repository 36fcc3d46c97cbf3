// Settings: a form a setting, where its value comes from, who changed it, and the way back.
import { ago, when } from "earshot/format.js";

const TABS = [["promises", "Promises"], ["brands", "Brands and hours"], ["alerts", "Alerts"], ["assignment", "Assignment"], ["environment", "Environment"], ["history", "History"]];
const LEVELS = ["P1", "P2", "P3", "P4"];
const KINDS = [["burst", "bursts"], ["p1", "P1 tickets"], ["spend", "spending"], ["drift", "drift"]];
const usualKinds = (type) => (type === "pagerduty" ? ["burst", "p1", "spend"] : ["burst", "p1", "spend", "drift"]);
const DESTINATION = {
  email: [["to", "To, with commas", "list"], ["sender", "Sender"], ["host", "Host"], ["port", "Port", "number"], ["encryption", "Encryption (starttls, tls, none)"], ["username", "User name"]],
  pagerduty: [["url", "Address, where it is not PagerDuty's own"]],
  slack: [], teams: [], webhook: [["url", "Address"]],
};
const NAMES = { promises: "Promises", bursts: "Bursts", assignment: "Assignment", brand: "Brand", sink: "Sink" };
const list = (words) => String(words ?? "").split(",").map((word) => word.trim()).filter(Boolean);
const words = (values) => (values ?? []).join(", ");
const copy = (value) => JSON.parse(JSON.stringify(value ?? {}));

function minutes(text) {
  const found = /^\s*(\d+(?:\.\d+)?)\s*(m|min|h|d)?\s*$/i.exec(text ?? "");
  if (!found) return NaN;
  return Math.round(Number(found[1]) * { m: 1, min: 1, h: 60, d: 1440 }[(found[2] ?? "m").toLowerCase()]);
}
function span(count) {
  if (!count) return "";
  if (count % 1440 === 0) return `${count / 1440} d`;
  return count % 60 === 0 ? `${count / 60} h` : `${count} min`;
}
function hoursIn(hours) { return Object.entries(hours ?? {}).map(([days, times]) => `${days} ${times}`).join("\n"); }
function hoursOut(text) {
  return Object.fromEntries(text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => { const [days, ...times] = line.split(/\s*[= ]\s*/); return [days, times.join("")]; }));
}
function draftOf(one) {
  const value = copy(one.value), draft = { seen: one.version, secrets: {} };
  if (one.name === "promises") for (const level of LEVELS) draft[level] = span(value[level]);
  else if (one.name === "bursts") Object.assign(draft, value);
  else if (one.name === "assignment") Object.assign(draft, value, { limits: Object.entries(value.limits ?? {}).map(([name, most]) => `${name} ${most}`).join(", "), rules: (value.rules ?? []).map((rule) => Object.fromEntries(Object.entries(rule).map(([key, names]) => [key, words(names)]))) });
  else if (one.name === "brand") Object.assign(draft, { handles: words(value.handles), words: words(value.words), networks: words(value.networks), trade: value.trade ?? "", locale: value.locale ?? "", time_zone: value.time_zone ?? "", hours: hoursIn(value.hours), topics: words(value.automatic?.topics), severity: value.automatic?.severity ?? 1, rest: value });
  else Object.assign(draft, { min_severity: 1, per_minute: 6, max_age_hours: 6, recovered: true }, value, { kinds: value.kinds ?? usualKinds(value.type), brands: words(value.brands), to: words(value.to), off: value.off ?? false, rest: value });
  return draft;
}

export default {
  props: { tab: String, settings: Array, changes: Array, variables: Array, people: Array, known: Array, topics: Array, types: Object, tried: Object, refused: String, note: String },
  emits: ["put", "reset", "back", "test"],
  data() { return { tabs: TABS, levels: LEVELS, kinds: KINDS, fieldsOf: DESTINATION, shown: this.tab, drafts: {}, fresh: { brand: "", sink: "", type: "slack", promises: "", bursts: "" }, wrong: "", now: Date.now() }; },
  mounted() { this.ticking = setInterval(() => { this.now = Date.now(); }, 10000); },
  beforeUnmount() { clearInterval(this.ticking); },
  watch: {
    settings(after, before) {
      // A form that somebody is filling in keeps its words, unless what stands has changed.
      const versions = Object.fromEntries((before ?? []).map((one) => [this.key(one), one.version]));
      for (const one of after) if (versions[this.key(one)] !== one.version) delete this.drafts[this.key(one)];
    },
  },
  computed: {
    saved() { return this.fresh; },
  },
  methods: {
    when(at) { return when(at * 1000); },
    ago(at) { return ago(at * 1000, this.now); },
    key(one) { return `${one.name}/${one.subject}`; },
    of(name) { return (this.settings ?? []).filter((one) => one.name === name); },
    draft(one) { return this.drafts[this.key(one)] ??= draftOf(one); },
    show(name) { this.shown = name; const query = name === "promises" ? "" : `?show=${name}`; history.replaceState(null, "", location.pathname + query); },
    source(one) {
      if (one.source === "console") return `set here by ${one.changed_by}, ${this.ago(one.changed_at)}`;
      return one.source === "file" ? `from ${one.place}` : "earshot's own";
    },
    put(one, value) { this.wrong = ""; const draft = this.draft(one); this.$emit("put", { name: one.name, subject: one.subject, value, secrets: draft.secrets, seen: one.version }); draft.secrets = {}; },
    reset(one) { this.$emit("reset", { name: one.name, subject: one.subject, seen: one.version }); },
    savePromises(one) {
      const draft = this.draft(one), value = {};
      for (const level of LEVELS) { if (!draft[level] && one.subject) continue; value[level] = minutes(draft[level]); if (!value[level]) { this.wrong = `${level}: write it like 15 min, 4 h or 1 d`; return; } }
      this.put(one, value);
    },
    saveBursts(one) { const { threshold, fewest, times } = this.draft(one); this.put(one, { threshold: Number(threshold), fewest: Number(fewest), times: Number(times) }); },
    saveBrand(one) {
      const draft = this.draft(one), value = { ...draft.rest, name: one.subject, handles: list(draft.handles).map((name) => name.replace(/^@/, "")), words: list(draft.words), networks: list(draft.networks), hours: hoursOut(draft.hours) };
      for (const name of ["locale", "time_zone", "trade"]) { delete value[name]; if (draft[name].trim()) value[name] = draft[name].trim(); }
      delete value.automatic;
      if (draft.topics) value.automatic = { topics: list(draft.topics), severity: Number(draft.severity) };
      this.put(one, value);
    },
    saveSink(one) {
      const draft = this.draft(one), value = { ...draft.rest, type: draft.type, kinds: draft.kinds, brands: list(draft.brands), min_severity: Number(draft.min_severity), recovered: draft.recovered, per_minute: Number(draft.per_minute), max_age_hours: Number(draft.max_age_hours) };
      for (const [name, , kind] of DESTINATION[draft.type] ?? []) {
        delete value[name];
        if (kind === "list" && list(draft[name]).length) value[name] = list(draft[name]);
        else if (kind === "number" && draft[name]) value[name] = Number(draft[name]);
        else if (!kind && draft[name]) value[name] = draft[name];
      }
      delete value.off;
      if (draft.off) value.off = true;
      this.put(one, value);
    },
    saveAssignment(one) {
      const draft = this.draft(one), limits = {};
      for (const pair of list(draft.limits)) { const [, name, most] = /^(.+?)[\s:=]+(\d+)$/.exec(pair) ?? []; if (!name) { this.wrong = `${pair}: write a name and a number, such as ada 10`; return; } limits[name] = Number(most); }
      const rules = draft.rules.map((rule) => Object.fromEntries(["agents", "brands", "languages", "topics", "levels"].map((name) => [name, list(rule[name])])));
      this.put(one, { on: draft.on, limit: Number(draft.limit), limits, rules, unmatched: draft.unmatched });
    },
    addOne(name) {
      let subject = this.fresh[name].trim(); if (!subject) return;
      this.wrong = "";
      if (name !== "brand") { // a mistyped one would keep nothing from anybody; a new one is typed twice
        const brands = [...new Set([...this.of("brand").map((one) => one.subject), ...(this.known ?? [])])], typed = subject;
        subject = brands.find((brand) => brand.toLowerCase() === typed.toLowerCase());
        if (!subject && this.unsure !== typed) { this.unsure = typed; this.wrong = `No brand is called ${typed} so far; there is ${brands.join(", ") || "none"}. Add it once more if it shall be so.`; return; }
        subject ??= typed;
      }
      const value = { brand: { name: subject, words: [subject] }, promises: { P1: 15 }, bursts: {} }[name];
      this.$emit("put", { name, subject, value, secrets: {}, seen: 0 });
      this.fresh[name] = "";
    },
    addSink() { const subject = this.fresh.sink.trim().toLowerCase(); if (!subject) return; this.making = { name: "sink", subject, value: { type: this.fresh.type }, version: 0, secrets: [], source: "console", changed_by: "you", changed_at: this.now / 1000, fresh: true }; this.$forceUpdate(); },
    sinks() { const stored = this.of("sink"); if (this.making && stored.some((one) => one.subject === this.making.subject)) this.making = null; return this.making ? [...stored, this.making] : stored; },
    named(change) { return NAMES[change.name] + (change.subject ? ` ${change.subject}` : change.name === "assignment" ? "" : ", all brands"); },
    lines(value) { return value === null || value === undefined ? "what stood without the console" : JSON.stringify(value, null, 1).replace(/^\{\s*|\s*\}$/g, "").replace(/"(\w+)":/g, "$1:"); },
  },
  template: `
<div class="page settings">
  <div class="monitor-top"><h1>Settings</h1>
    <div class="segments" role="group" aria-label="Which settings"><button v-for="[name, title] in tabs" :key="name" type="button" :aria-pressed="shown === name" @click="show(name)">{{ title }}</button></div>
    <span v-if="note" class="chip as-of bad" role="status">{{ note }}</span></div>
  <p v-if="wrong || refused" class="refused" role="alert"><span class="sym" aria-hidden="true">block</span><span>{{ wrong || refused }}</span></p>
  <p v-if="!settings" class="faint">Looking ...</p>

  <template v-if="settings && shown === 'promises'">
    <p class="faint">Until when a ticket of each level gets its first answer, in the brand's working hours. Open tickets are reckoned anew.</p>
    <form v-for="one in of('promises')" :key="key(one)" class="panel setting" :aria-label="'Promises of ' + (one.subject || 'all brands')" @submit.prevent="savePromises(one)">
      <div class="setting-head"><h2>{{ one.subject || "All brands" }}</h2><span class="chip">{{ source(one) }}</span></div>
      <div class="setting-fields"><label v-for="level in levels" :key="level"><span class="level" :class="level">{{ level }}</span><input class="field" v-model="draft(one)[level]" :placeholder="one.subject ? 'as all brands' : '15 min'" autocomplete="off"></label></div>
      <div class="alert-acts"><button class="button main">Save</button><button v-if="one.version" class="button" type="button" @click="reset(one)">{{ one.subject ? "As all brands" : "Back to earshot's own" }}</button></div></form>
    <form class="panel add-form" aria-label="Promises of one brand" @submit.prevent="addOne('promises')"><label>Other promises for a brand<input class="field" v-model="fresh.promises" list="known-brands" autocomplete="off"></label><button class="button"><span class="sym" aria-hidden="true">add</span>Add</button></form>
  </template>

  <template v-if="settings && shown === 'brands'">
    <p class="faint">Which messages are about whom, when its desk is staffed, and what is answered without a person. New messages go by it within seconds; what <code>earshot ingest</code> asks networks for changes when it starts again.</p>
    <details v-for="one in of('brand')" :key="key(one)" class="panel setting"><summary><b>{{ one.subject }}</b> <span class="chip">{{ source(one) }}</span></summary>
      <form :aria-label="'Brand ' + one.subject" @submit.prevent="saveBrand(one)">
        <div class="setting-fields wide">
          <label>Handles, with commas<input class="field" v-model="draft(one).handles" autocomplete="off"></label>
          <label>Words that name it<input class="field" v-model="draft(one).words" autocomplete="off"></label>
          <label>Networks; empty: all<input class="field" v-model="draft(one).networks" autocomplete="off"></label>
          <label>What it trades in; empty: anything<input class="field" v-model="draft(one).trade" placeholder="airline" autocomplete="off"></label>
          <label>Language and country<input class="field" v-model="draft(one).locale" placeholder="en-US" autocomplete="off"></label>
          <label>Time zone<input class="field" v-model="draft(one).time_zone" placeholder="Europe/London" autocomplete="off"></label>
          <label>Answered without a person: topics<input class="field" v-model="draft(one).topics" list="known-topics" placeholder="none" autocomplete="off"></label>
          <label>up to severity<select class="field" v-model="draft(one).severity"><option :value="0">0</option><option :value="1">1</option><option :value="2">2</option></select></label>
          <label class="tall">Working hours, a line each; empty: always<textarea class="field" rows="3" v-model="draft(one).hours" placeholder="mon-fri 08:00-20:00"></textarea></label></div>
        <div class="alert-acts"><button class="button main">Save</button><button v-if="one.version" class="button" :class="{ danger: !one.default }" type="button" @click="reset(one)">{{ one.default ? "Back to the file" : "Remove" }}</button></div></form></details>
    <form class="panel add-form" aria-label="Add a brand" @submit.prevent="addOne('brand')"><label>Name of another brand<input class="field" v-model="fresh.brand" maxlength="300" autocomplete="off"></label><button class="button"><span class="sym" aria-hidden="true">add</span>Add</button></form>
  </template>

  <template v-if="settings && shown === 'alerts'">
    <section aria-labelledby="sinks-h"><h2 id="sinks-h">Who is told</h2><p class="faint">Secrets are written only: nobody can read them here. Whoever changes where a sink goes types them again.</p></section>
    <details v-for="one in sinks()" :key="key(one)" class="panel setting" :open="one.fresh"><summary><b>{{ one.subject }}</b> <span class="soft">{{ one.value.type }}</span> <span v-if="one.value.off" class="chip">off</span> <span class="chip">{{ one.fresh ? "not saved yet" : source(one) }}</span></summary>
      <form :aria-label="'Sink ' + one.subject" @submit.prevent="saveSink(one)">
        <div class="setting-fields wide">
          <label>Type<select class="field" v-model="draft(one).type"><option v-for="(secrets, name) in types" :key="name">{{ name }}</option></select></label>
          <label v-for="[name, title] in fieldsOf[draft(one).type]" :key="name">{{ title }}<input class="field" v-model="draft(one)[name]" autocomplete="off"></label>
          <label v-for="name in types[draft(one).type]" :key="name">{{ name }} (secret)<input class="field" type="password" v-model="draft(one).secrets[name]" :placeholder="one.secrets.includes(name) ? 'set, not shown' : 'not set'" autocomplete="new-password"></label>
          <label>Brands; empty: all<input class="field" v-model="draft(one).brands" list="known-brands" autocomplete="off"></label>
          <label>From severity<input class="field" type="number" min="1" max="10" v-model="draft(one).min_severity"></label>
          <label>Messages a minute<input class="field" type="number" min="1" max="600" v-model="draft(one).per_minute"></label>
          <label>Not older than, hours<input class="field" type="number" min="1" max="720" step="any" v-model="draft(one).max_age_hours"></label></div>
        <fieldset class="checks"><legend class="hidden-words">What it is told</legend><label v-for="[kind, title] in kinds" :key="kind"><input type="checkbox" :value="kind" v-model="draft(one).kinds">{{ title }}</label><label><input type="checkbox" v-model="draft(one).recovered">also when it is over</label><label><input type="checkbox" v-model="draft(one).off">off: keep it, send nothing</label></fieldset>
        <div class="alert-acts"><button class="button main">Save</button><button v-if="!one.fresh && !one.value.off" class="button" type="button" @click="$emit('test', one.subject)"><span class="sym" aria-hidden="true">send</span>Test</button><button v-if="one.version" class="button" :class="{ danger: !one.default }" type="button" @click="reset(one)">{{ one.default ? "Back to the file" : "Remove" }}</button></div>
        <p v-if="tried.name === one.subject" :class="tried.good ? 'tried' : 'refused'" role="status">{{ tried.good ? "It arrived: " + tried.words : tried.words }}</p></form></details>
    <form class="panel add-form" aria-label="Add a sink" @submit.prevent="addSink"><label>Name of another sink<input class="field" v-model="fresh.sink" pattern="[A-Za-z0-9][A-Za-z0-9_\\-]{0,39}" title="letters, digits, - and _" autocomplete="off"></label><label>Type<select class="field" v-model="fresh.type"><option v-for="(secrets, name) in types" :key="name">{{ name }}</option></select></label><button class="button"><span class="sym" aria-hidden="true">add</span>Add</button></form>
    <section aria-labelledby="bursts-h"><h2 id="bursts-h">When a burst is an alert</h2><p class="faint">A burst has at least so many negative messages within ten minutes, so many times the usual, and a log likelihood ratio above the threshold: higher is calmer.</p></section>
    <form v-for="one in of('bursts')" :key="key(one)" class="panel setting" :aria-label="'Bursts of ' + (one.subject || 'all brands')" @submit.prevent="saveBursts(one)">
      <div class="setting-head"><h3>{{ one.subject || "All brands" }}</h3><span class="chip">{{ source(one) }}</span></div>
      <div class="setting-fields"><label>Fewest messages<input class="field" type="number" min="2" v-model="draft(one).fewest"></label><label>Times the usual<input class="field" type="number" min="1.1" step="0.1" v-model="draft(one).times"></label><label>Threshold<input class="field" type="number" min="3" max="200" step="0.5" v-model="draft(one).threshold"></label></div>
      <div class="alert-acts"><button class="button main">Save</button><button v-if="one.version" class="button" type="button" @click="reset(one)">{{ one.subject ? "As all brands" : "Back to earshot's own" }}</button></div></form>
    <form class="panel add-form" aria-label="Bursts of one brand" @submit.prevent="addOne('bursts')"><label>Another measure for a brand<input class="field" v-model="fresh.bursts" list="known-brands" autocomplete="off"></label><button class="button"><span class="sym" aria-hidden="true">add</span>Add</button></form>
  </template>

  <template v-if="settings && shown === 'assignment'">
    <p class="faint">New tickets that nobody has go round among who has the console open and is not away. The first rule that fits says who of them; what people give or take by hand stays theirs.</p>
    <form v-for="one in of('assignment')" :key="key(one)" class="panel setting" aria-label="Assignment" @submit.prevent="saveAssignment(one)">
      <div class="setting-head"><h2>Rules</h2><span class="chip">{{ source(one) }}</span></div>
      <fieldset class="checks"><legend class="hidden-words">How</legend><label><input type="checkbox" v-model="draft(one).on">give new tickets to people</label><label><input type="checkbox" v-model="draft(one).unmatched">those that no rule fits, to whoever is present</label></fieldset>
      <div class="setting-fields"><label>Open tickets of one person, at most<input class="field" type="number" min="1" v-model="draft(one).limit"></label><label>Other limits, such as ada 10, ben 0<input class="field" v-model="draft(one).limits" autocomplete="off"></label></div>
      <div v-for="(rule, place) in draft(one).rules" :key="place" class="rule" role="group" :aria-label="'Rule ' + (place + 1)"><b class="num">{{ place + 1 }}</b>
        <label>Brands<input class="field" v-model="rule.brands" placeholder="any" list="known-brands"></label><label>Languages<input class="field" v-model="rule.languages" placeholder="any"></label><label>Topics<input class="field" v-model="rule.topics" placeholder="any" list="known-topics"></label><label>Levels<input class="field" v-model="rule.levels" placeholder="any"></label><label>go to<input class="field" v-model="rule.agents" placeholder="who is present" list="known-people"></label>
        <button class="button" type="button" :aria-label="'Remove rule ' + (place + 1)" @click="draft(one).rules.splice(place, 1)"><span class="sym" aria-hidden="true">close</span></button></div>
      <div class="alert-acts"><button class="button main">Save</button><button class="button" type="button" @click="draft(one).rules.push({ agents: '', brands: '', languages: '', topics: '', levels: '' })"><span class="sym" aria-hidden="true">add</span>Rule</button><button v-if="one.version" class="button" type="button" @click="reset(one)">Back to earshot's own</button></div></form>
    <section class="panel" aria-labelledby="present-h"><h2 id="present-h">Who is present</h2><ul class="present"><li v-for="one in people" :key="one.name"><span class="dot" :class="{ here: one.here && !one.away }" aria-hidden="true"></span>{{ one.name }} <span class="faint">{{ one.here ? (one.away ? "away" : "present") : "not here" }}</span></li></ul></section>
  </template>

  <template v-if="shown === 'environment'">
    <p class="faint">These are read when a process starts, from its environment; change them there. Keys of programs are on the page <a class="link" href="/people">People</a>.</p>
    <div class="panel people"><table><thead><tr><th scope="col">Variable</th><th scope="col">Value</th><th scope="col">From</th><th scope="col">What it is</th></tr></thead><tbody><tr v-for="one in variables" :key="one.name"><td class="mono">{{ one.name }}</td><td class="wrapped">{{ one.value }}</td><td><span class="chip">{{ one.set ? "environment" : "earshot's own" }}</span></td><td class="faint">{{ one.about }}</td></tr></tbody></table></div>
  </template>

  <template v-if="changes && shown === 'history'">
    <p v-if="!changes.length" class="empty panel">Nothing was changed here so far.</p>
    <ol v-else class="changes"><li v-for="one in changes" :key="one.id" class="panel"><div class="setting-head"><h2>{{ named(one) }}</h2><span class="faint"><time>{{ when(one.at) }}</time> by {{ one.actor }}<template v-if="one.goes_back_to"> · back before change {{ one.goes_back_to }}</template></span></div>
      <div class="before-after"><div><small class="faint">before</small><pre>{{ lines(one.before) }}</pre></div><div><small class="faint">after</small><pre>{{ lines(one.after) }}</pre></div></div>
      <p v-if="one.secrets.length" class="faint">typed anew: {{ one.secrets.join(", ") }}, not shown</p>
      <div class="alert-acts"><button class="button" type="button" :aria-label="'Go back to before this change of ' + named(one)" @click="$emit('back', one.id)"><span class="sym" aria-hidden="true">undo</span>Go back to before it</button></div></li></ol>
  </template>
  <datalist id="known-brands"><option v-for="brand in known" :key="brand" :value="brand"></option></datalist>
  <datalist id="known-topics"><option v-for="topic in topics" :key="topic" :value="topic"></option></datalist>
  <datalist id="known-people"><option v-for="one in people" :key="one.name" :value="one.name"></option></datalist>
</div>`,
};
