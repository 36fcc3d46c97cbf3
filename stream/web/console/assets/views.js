// Saved views: a way to each, the shared ones below, and one to keep what is shown now.
export default {
  props: { views: Array, query: Object, me: String, lead: Boolean, agent: Boolean },
  emits: ["choose", "save", "drop"],
  data: () => ({ name: "", shared: false }),
  computed: {
    fixed() {
      const mine = this.agent ? [{ name: "Mine", query: { owner: this.me } }] : [];
      return [
        { name: "All open", query: {} }, ...mine, { name: "Nobody's", query: { owner: "-" } },
        { name: "Late", query: { late: "1" } }, { name: "Snoozed", query: { state: "snoozed" } },
        { name: "Resolved", query: { state: "resolved" } },
      ];
    },
    own() { return (this.views ?? []).filter((view) => view.owner === this.me); },
    others() { return (this.views ?? []).filter((view) => view.owner !== this.me); },
  },
  methods: {
    key: (query) => new URLSearchParams(Object.entries(query).sort()).toString(),
    here(view) { return this.key(view.query) === this.key(this.query) ? "page" : null; },
    link(view) { return `/?${new URLSearchParams(view.query)}`; },
    ask() { this.name = ""; this.shared = false; this.$refs.sheet.showModal(); },
    save() {
      if (!this.name.trim()) return;
      this.$emit("save", { name: this.name.trim(), shared: this.shared, query: this.query });
      this.$refs.sheet.close();
    },
  },
  template: `
  <nav class="views" aria-label="Views">
    <ul>
      <li v-for="view in fixed" :key="view.name"><a class="view" :href="link(view)" :aria-current="here(view)"
        @click.exact.prevent="$emit('choose', view.query)">{{ view.name }}</a></li>
      <li v-for="view in own" :key="'own ' + view.name"><a class="view" :href="link(view)" :aria-current="here(view)"
        @click.exact.prevent="$emit('choose', view.query)">{{ view.name }}<span v-if="view.shared" class="sym"
        aria-label="shared" title="shared">group</span></a><button type="button" class="quiet drop"
        :aria-label="'Delete the view ' + view.name" @click="$emit('drop', view.name)"><span class="sym"
        aria-hidden="true">close</span></button></li>
      <li v-for="view in others" :key="view.owner + ' ' + view.name"><a class="view" :href="link(view)"
        :aria-current="here(view)" :title="'shared by ' + view.owner"
        @click.exact.prevent="$emit('choose', view.query)">{{ view.name }}<small>{{ view.owner }}</small></a></li>
      <li><button type="button" class="view keep" @click="ask"><span class="sym"
        aria-hidden="true">bookmark_add</span>Save this view</button></li>
    </ul>
    <dialog ref="sheet" class="sheet" aria-labelledby="view-title">
      <form class="sheet-inside" @submit.prevent="save"><h2 id="view-title">Save this view</h2>
        <label>Name <input class="field" v-model="name" maxlength="60" required aria-label="Name of the view"></label>
        <label v-if="lead"><input type="checkbox" v-model="shared"> Share it with everybody who sees its brand</label>
        <div class="acts"><button class="button go">Save</button><button type="button" class="button"
          @click="$refs.sheet.close()">Cancel</button></div></form></dialog>
  </nav>`,
};
