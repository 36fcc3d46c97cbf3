// Canned answers: what there is, and for leads a form to write them.
import { effects } from "earshot/canned.js";

const BLANK = { id: null, version: null, name: "", text: "", brand: "", state: "", tags: "" };

export default {
  props: { canned: Array, brands: Array, lead: Boolean, bound: Array, slots: Array, refused: String, kept: Number, note: String },
  emits: ["keep", "remove"],
  data: () => ({ form: null, sure: null, filter: "" }),
  computed: {
    shown() {
      const words = this.filter.toLowerCase();
      return (this.canned ?? []).filter((one) => `/${one.name} ${one.text} ${one.brand ?? ""} ${one.tags.join(" ")}`.toLowerCase().includes(words));
    },
    choices() { return [...new Set([...(this.bound ?? this.brands ?? []), this.form?.brand].filter(Boolean))].sort(); },
  },
  watch: { kept() { this.form = null; } },
  methods: {
    effects,
    fresh() { this.form = { ...BLANK, brand: this.bound?.[0] ?? "" }; this.$nextTick(() => this.$refs.name?.focus()); },
    edit(one) {
      this.form = { ...one, brand: one.brand ?? "", state: one.state ?? "", tags: one.tags.join(", ") };
      this.$nextTick(() => { this.$refs.name?.focus(); this.$refs.form?.scrollIntoView({ block: "nearest" }); });
    },
    keep() {
      const tags = this.form.tags.split(",").map((tag) => tag.trim()).filter(Boolean);
      this.$emit("keep", { ...this.form, brand: this.form.brand || null, state: this.form.state || null, tags });
    },
    remove(one) {
      if (this.sure !== one.id) { this.sure = one.id; setTimeout(() => { this.sure = null; }, 4000); return; }
      this.sure = null;
      this.$emit("remove", { id: one.id, version: one.version });
    },
    slot(name) { this.form.text += `{${name}}`; this.$refs.words?.focus(); },
  },
  template: `
<div class="page canned-page">
  <div class="monitor-top"><h1>Canned answers</h1>
    <label><span class="hidden-words">Find</span><input class="field" v-model="filter" type="search" placeholder="find" autocomplete="off"></label>
    <button v-if="lead && !form" type="button" class="button main" @click="fresh()"><span class="sym" aria-hidden="true">add</span>Write one</button>
    <a class="link" href="/replies">Replies that wait</a>
    <span v-if="note" class="chip as-of bad" role="status">{{ note }}</span></div>
  <p class="faint small">In the reply box of a ticket, <span class="mono">/name</span> puts the words there. State and tags are set once the answer is approved. {{ lead ? "" : "A lead writes them." }}</p>
  <p v-if="refused" class="refused" role="alert"><span class="sym" aria-hidden="true">block</span><span>{{ refused }}</span></p>
  <form v-if="form" ref="form" class="panel canned-form" aria-label="A canned answer" @submit.prevent="keep">
    <div class="row"><label>Name, after the /<input ref="name" class="field mono" v-model="form.name" required maxlength="41" autocomplete="off" placeholder="refund"></label>
      <label>Brand<select class="field" v-model="form.brand"><option v-if="!bound" value="">every brand</option><option v-for="brand in choices" :key="brand">{{ brand }}</option></select></label>
      <label>The ticket then<select class="field" v-model="form.state"><option value="">stays as it is</option><option value="waiting">waits for the customer</option><option value="resolved">is resolved</option></select></label>
      <label>Tags, with commas<input class="field" v-model="form.tags" autocomplete="off" placeholder="refund, dm"></label></div>
    <label>Words (empty: it only sets state and tags)<textarea ref="words" class="field" rows="4" dir="auto" maxlength="4000" v-model="form.text" placeholder="Sorry, {name}. Please send us a direct message so that we can look into it."></textarea></label>
    <p class="small soft">Slots: <template v-for="name in slots" :key="name"><button type="button" class="chip mono" @click="slot(name)">{{ '{' + name + '}' }}</button> </template></p>
    <div class="acts"><button class="button main">{{ form.id ? "Change it" : "Keep it" }}</button><button type="button" class="button" @click="form = null">Cancel</button></div></form>
  <ul v-if="shown.length" class="canned-rows"><li v-for="one in shown" :key="one.id" class="panel">
    <div><b class="mono">/{{ one.name }}</b><p class="faint small">{{ one.brand ?? "every brand" }}</p></div>
    <div><p v-if="one.text" class="words" dir="auto">{{ one.text }}</p><p v-else class="faint">no words</p>
      <p v-if="effects(one)" class="small soft"><span class="sym" aria-hidden="true">bolt</span> then {{ effects(one) }}</p>
      <p v-if="one.repeats" class="small soft"><span class="sym" aria-hidden="true">info</span> The same words for everybody: the policy lets them go once a week. {name} or {ticket} makes them differ.</p>
      <p v-for="why in one.refusals" :key="why" class="small bad-words"><span class="sym" aria-hidden="true">block</span> The policy: {{ why }}</p></div>
    <div class="acts"><template v-if="lead && one.theirs"><button type="button" class="button small" :aria-label="'Change /' + one.name" @click="edit(one)">Change</button><button type="button" class="button small danger" :aria-label="'Remove /' + one.name" @click="remove(one)">{{ sure === one.id ? "Sure?" : "Remove" }}</button></template></div></li></ul>
  <div v-else-if="canned" class="empty panel"><span class="sym big" aria-hidden="true">quickreply</span><h2>{{ canned.length ? "Nothing fits" : "No canned answers so far" }}</h2><p v-if="!canned.length">What your desk says often is written here once: with the customer's name, a state, and tags.</p></div>
</div>`,
};
