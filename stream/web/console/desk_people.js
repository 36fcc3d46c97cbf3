// People and keys: who may log in, what they may do and see, and what programs may ask.
import { ago, when } from "earshot/format.js";

const ROLES = ["viewer", "agent", "lead", "admin"];
const SCOPES = [["analyze", "analyse texts"], ["events", "send events"], ["read", "read"], ["desk", "act at the desk"]];

export default {
  props: { people: Array, keys: Array, me: String, known: Array, secret: Object, refused: String, note: String },
  emits: ["add", "change", "disable", "enable", "password", "end", "create", "revoke", "forget"],
  data: () => ({ roles: ROLES, scopes: SCOPES, fresh: { name: "", role: "agent", brands: "" }, key: { name: "", scopes: ["analyze"], user: "" }, sure: "", copied: false, now: Date.now() }),
  watch: {
    secret(secret) {
      this.copied = false;
      if (secret?.of === "key") this.key = { name: "", scopes: ["analyze"], user: "" };
      if (secret?.of === "person") this.fresh = { name: "", role: "agent", brands: "" };
      if (secret) this.$nextTick(() => this.$refs.secret?.scrollIntoView({ block: "center" }));
    },
  },
  mounted() { this.ticking = setInterval(() => { this.now = Date.now(); }, 10000); },
  beforeUnmount() { clearInterval(this.ticking); },
  methods: {
    when(at) { return when(at * 1000); },
    ago(at) { return ago(at * 1000, this.now); },
    list(words) { return words.split(",").map((word) => word.trim()).filter(Boolean); },
    add() { this.$emit("add", { ...this.fresh, brands: this.list(this.fresh.brands) }); },
    change(one, changes) { this.$emit("change", { name: one.name, ...changes }); },
    twice(what, act) { if (this.sure === what) { this.sure = ""; act(); } else { this.sure = what; setTimeout(() => { if (this.sure === what) this.sure = ""; }, 4000); } },
    async copy() { try { await navigator.clipboard.writeText(this.secret.token); this.copied = true; } catch { this.copied = false; } },
  },
  template: `
<div class="page">
  <div class="monitor-top"><h1>People and keys</h1><span v-if="note" class="chip as-of bad" role="status">{{ note }}</span></div>
  <p v-if="refused" class="refused" role="alert"><span class="sym" aria-hidden="true">block</span><span>{{ refused }}</span></p>
  <section v-if="secret" ref="secret" class="panel token" role="status"><h2>{{ secret.words }}</h2><code>{{ secret.token }}</code>
    <p class="soft">Keep it now: it cannot be shown again.</p>
    <div class="alert-acts"><button class="button" type="button" @click="copy"><span class="sym" aria-hidden="true">content_copy</span>{{ copied ? "Copied" : "Copy" }}</button><button class="button" type="button" @click="$emit('forget')">I have it</button></div></section>

  <section aria-labelledby="people-h"><h2 id="people-h">People</h2></section>
  <div class="panel people"><table><thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col">Brands</th><th scope="col">Logged in</th><th scope="col"><span class="hidden-words">Acts</span></th></tr></thead>
    <tbody><tr v-for="one in people" :key="one.name" :class="{ off: one.disabled }"><td><b>{{ one.name }}</b><span v-if="one.name === me" class="faint"> (you)</span><span v-if="one.disabled" class="chip">disabled</span></td>
      <td><label><span class="hidden-words">Role of {{ one.name }}</span><select class="field" :value="one.role" :disabled="one.disabled" @change="change(one, { role: $event.target.value })"><option v-for="role in roles">{{ role }}</option></select></label></td>
      <td class="brands"><label><span class="hidden-words">Brands of {{ one.name }}</span><input class="field" :value="one.brands ? one.brands.join(', ') : 'all brands'" :disabled="one.disabled" placeholder="all brands" list="known-brands" @change="change(one, { brands: list($event.target.value) })"></label></td>
      <td class="faint num">{{ one.sessions ? one.sessions + (one.sessions === 1 ? " session, " : " sessions, ") + ago(one.seen) : "not now" }}</td>
      <td><div class="alert-acts"><button v-if="one.sessions" class="button" type="button" @click="$emit('end', one.name)">Log out</button>
        <button v-if="!one.disabled" class="button" type="button" @click="twice('pw ' + one.name, () => $emit('password', one.name))">{{ sure === "pw " + one.name ? "Sure?" : "New password" }}</button>
        <button v-if="one.disabled" class="button" type="button" @click="$emit('enable', one.name)">Enable</button>
        <button v-else-if="one.name !== me" class="button danger" type="button" @click="twice('off ' + one.name, () => $emit('disable', one.name))">{{ sure === "off " + one.name ? "Sure?" : "Disable" }}</button></div></td></tr></tbody></table></div>
  <datalist id="known-brands"><option v-for="brand in known" :key="brand" :value="brand"></option></datalist>
  <form class="panel add-form" aria-label="Add a person" @submit.prevent="add"><label>Name<input class="field" v-model="fresh.name" required maxlength="80" autocomplete="off"></label>
    <label>Role<select class="field" v-model="fresh.role"><option v-for="role in roles">{{ role }}</option></select></label>
    <label>Brands, with commas; empty: all<input class="field" v-model="fresh.brands" placeholder="all brands" list="known-brands" autocomplete="off"></label>
    <button class="button main"><span class="sym" aria-hidden="true">person_add</span>Add</button></form>
  <p class="faint">A viewer reads; an agent answers customers; a lead also takes over the tickets of others and erases what a person wrote; an admin also keeps people and keys. Who is bound to brands sees theirs alone, in Postgres too.</p>

  <section aria-labelledby="keys-h"><h2 id="keys-h">API keys</h2></section>
  <div class="panel people"><table><thead><tr><th scope="col">Name</th><th scope="col">Begins with</th><th scope="col">Opens</th><th scope="col">Acts for</th><th scope="col">Last used</th><th scope="col"><span class="hidden-words">Acts</span></th></tr></thead>
    <tbody><tr v-for="one in keys" :key="one.id" :class="{ off: one.revoked }"><td><b>{{ one.name }}</b></td><td class="mono">{{ one.prefix }}…</td><td>{{ one.scopes.join(", ") }}</td><td>{{ one.user ?? "" }}</td><td class="faint">{{ one.revoked ? "revoked " + when(one.revoked) : one.used ? ago(one.used) : "never" }}</td>
      <td><div class="alert-acts"><button v-if="!one.revoked" class="button danger" type="button" @click="twice('key ' + one.id, () => $emit('revoke', one.prefix))">{{ sure === "key " + one.id ? "Sure?" : "Revoke" }}</button></div></td></tr>
      <tr v-if="keys && !keys.length"><td colspan="6" class="faint">No keys so far.</td></tr></tbody></table></div>
  <form class="panel add-form" aria-label="Create a key" @submit.prevent="$emit('create', key)"><label>Name<input class="field" v-model="key.name" required maxlength="100" autocomplete="off"></label>
    <fieldset><legend class="hidden-words">What it opens</legend><label v-for="[name, words] in scopes" :key="name"><input type="checkbox" :value="name" v-model="key.scopes">{{ words }}</label></fieldset>
    <label>Acts for<select class="field" v-model="key.user"><option value="">nobody: an agent of all brands</option><option v-for="one in (people ?? []).filter((each) => !each.disabled)">{{ one.name }}</option></select></label>
    <button class="button main" :disabled="!key.scopes.length"><span class="sym" aria-hidden="true">key</span>Create</button></form>
</div>`,
};
