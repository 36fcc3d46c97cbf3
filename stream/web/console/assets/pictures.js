// Pictures of a reply: chosen, made small enough for the networks, told in words, and added to it.
// bytes; points of a side that is taken, and in all; of a side that is drawn anew; sizes until it fits
const LARGEST = 1_000_000, TAKEN = 8_192, POINTS = 4_096 * 4_096, WIDEST = 2_048, TRIES = 8;

async function fitting(file) { // as it is, or drawn anew: smaller, upright, and without what the camera knew
  const drawn = await createImageBitmap(file), longest = Math.max(drawn.width, drawn.height);
  const isTaken = longest <= TAKEN && drawn.width * drawn.height <= POINTS && file.size <= LARGEST;
  if (isTaken && ["image/png", "image/jpeg"].includes(file.type)) return file;
  let scale = Math.min(1, WIDEST / longest);
  for (let tries = 0; tries < TRIES; tries += 1, scale *= 0.75) {
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(drawn.width * scale));
    canvas.height = Math.max(1, Math.round(drawn.height * scale));
    const brush = canvas.getContext("2d");
    brush.fillStyle = "#fff"; // where it lets light through
    brush.fillRect(0, 0, canvas.width, canvas.height);
    brush.drawImage(drawn, 0, 0, canvas.width, canvas.height);
    const small = await new Promise((done) => { canvas.toBlob(done, "image/jpeg", 0.88); });
    if (small && small.size <= LARGEST) return small;
  }
  throw new Error("too large");
}

// Whether more than one frame is in it: of a file that moves a network gets the first alone.
async function moves(file) {
  const bytes = new TextDecoder("latin1").decode(await file.arrayBuffer());
  if (bytes.startsWith("GIF8")) return bytes.split("\x21\xf9\x04").length > 2; // a block a frame
  if (bytes.startsWith("RIFF")) return bytes.slice(12, 16) === "VP8X" && (bytes.charCodeAt(20) & 2) !== 0; // WebP's flag
  return bytes.slice(1, 4) === "PNG" && bytes.slice(0, 65_536).includes("acTL");
}

const base64 = (blob) => new Promise((done, failed) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result.split(",")[1]);
  reader.onerror = failed;
  reader.readAsDataURL(blob);
});

export const source = (reply, one) => `/v1/replies/${reply}/pictures/${one.id}`;

export default {
  props: { reply: Object, version: Number, agent: Boolean, open: Boolean, words: Boolean, reason: String, most: Number },
  emits: ["begin", "changed"],
  data: () => ({ blob: null, preview: "", alt: "", fault: "", still: false, working: false, waits: false }),
  computed: {
    shown() { return this.reply?.pictures ?? []; },
    full() { return this.shown.length >= this.most; },
  },
  watch: {
    reply(now) { if (now && this.waits) { this.waits = false; this.send(); } }, // its words are a draft by now
  },
  beforeUnmount() { this.drop(); },
  methods: {
    source,
    async choose(event) {
      const [file] = event.target.files;
      event.target.value = "";
      if (!file) return;
      this.drop();
      try {
        this.blob = await fitting(file);
        this.still = await moves(file);
        this.preview = URL.createObjectURL(this.blob);
        this.$nextTick(() => this.$refs.alt?.focus());
      } catch {
        this.fault = `${file.name} is no picture that this browser can read, or it cannot be made small enough.`;
      }
    },
    drop() {
      if (this.preview) URL.revokeObjectURL(this.preview);
      Object.assign(this, { blob: null, preview: "", alt: "", fault: "", still: false });
    },
    add() {
      if (!this.alt.trim() || this.working) return;
      this.working = true;
      if (this.reply) return this.send();
      this.waits = true; // a picture hangs on a reply: what is typed becomes a draft first
      this.$emit("begin");
      setTimeout(() => { if (this.waits) { this.waits = this.working = false; this.fault = "The words could not be kept as a draft; try again."; } }, 15_000);
    },
    async send() {
      this.working = true;
      const done = await this.ask("POST", "", { content: await base64(this.blob), alt: this.alt.trim() });
      if (done) this.drop();
    },
    remove(one) { return this.ask("DELETE", `/${one.id}`); },
    async ask(method, path, body) {
      this.working = true;
      this.fault = "";
      try {
        const answer = await fetch(`/v1/replies/${this.reply.id}/pictures${path}`, {
          method, body: body && JSON.stringify(body),
          headers: { "Content-Type": "application/json", "If-Match": `"${this.version}"` },
        });
        const told = await answer.json();
        if (answer.ok) { this.$emit("changed", { id: told.id, version: told.version }); return true; }
        this.fault = answer.status === 412 ? `${told.changed_by} changed this reply before you; look at it, then try again.` : told.detail;
      } catch {
        this.fault = "No answer from earshot; try again.";
      } finally {
        this.working = false;
      }
      return false;
    },
  },
  template: `
  <div class="pictures">
    <ul v-if="shown.length" class="picture-list"><li v-for="one in shown" :key="one.id">
      <a :href="source(reply.id, one)" target="_blank" rel="noopener"><img :src="source(reply.id, one)" :alt="one.alt"
        :width="one.width" :height="one.height" loading="lazy"></a>
      <span class="small soft" dir="auto">{{ one.alt }}</span><button v-if="agent && open" type="button"
        class="quiet tiny" :disabled="working" :aria-label="'Remove the picture: ' + one.alt" title="Remove the picture"
        @click="remove(one)"><span class="sym" aria-hidden="true">close</span></button></li></ul>
    <form v-if="blob" class="picture-new" @submit.prevent="add"><img :src="preview" alt="">
      <div><label :for="'alt-' + (reply?.id ?? 'new')">What it shows, for people who cannot see it</label>
        <input :id="'alt-' + (reply?.id ?? 'new')" ref="alt" v-model="alt" class="field" maxlength="1000" required autocomplete="off">
        <p v-if="still" class="small soft" role="status">It moves; the network gets its first frame alone.</p>
        <div class="acts"><button class="button" :disabled="!alt.trim() || working">Add it</button><button type="button"
          class="button" @click="drop()">Cancel</button></div></div></form>
    <p v-if="fault" class="note-bad small" role="alert">{{ fault }}</p>
    <template v-if="agent && open && !blob"><p v-if="reason" class="faint small">{{ reason }}.</p>
      <label v-else-if="words && !full" class="button small picture-choose"><span class="sym"
        aria-hidden="true">add_photo_alternate</span>Picture<input type="file" class="hidden-words"
        accept="image/*" @change="choose"></label></template>
  </div>`,
};
