// The whole conversation, calls turn by turn. What customers wrote is text, wherever it stands.
import { when } from "earshot/format.js";
import { host, linked } from "earshot/links.js";
import { source } from "earshot/pictures.js";

// After Jin & Aletras (2021).
export const SEVERITIES = ["no complaint", "no explicit reproach", "disapproval", "accusation", "blame"];
const FACE = { negative: "sentiment_dissatisfied", neutral: "sentiment_neutral", positive: "sentiment_satisfied" };
const FIELDS = ["sentiment", "complaint", "severity", "topic", "problem", "outcome", "level"];

export const inWords = (field, value) => {
  if (value === null || value === undefined) return "not judged";
  if (field === "severity") return `severity ${value}`;
  if (field === "complaint") return value === "yes" ? "a complaint" : "no complaint";
  if (field === "outcome") return value === "follow_up" ? "follow-up needed" : value;
  return value;
};

export default {
  props: { ticket: Object, agent: Boolean, chosen: String },
  emits: ["correct", "choose"],
  methods: {
    when, source,
    face(message) { return FACE[message.corrected.sentiment?.is ?? message.judged.sentiment]; },
    inWords,
    judged(message) {
      return FIELDS.filter((field) => message.judged[field] != null || message.corrected[field])
        .filter((field) => field !== "complaint" || message.corrected.complaint)
        .map((field) => ({ field, said: inWords(field, message.judged[field]), fixed: message.corrected[field] }));
    },
    speaker(turn, message) {
      if (turn.who === "customer") return message.author ?? "customer";
      return turn.who === "agent" ? `${this.ticket.brand ?? "brand"}, agent` : "unknown speaker";
    },
    place(turn) { // the minute and second of the call, or which turn of it
      if (turn.at == null) return turn.turn ?? "";
      const seconds = Math.floor(turn.at);
      return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    },
    channel: (message) => /^note:([a-z-]+)-[0-9a-f]{32}$/.exec(message.id)?.[1].replace("-", " ") ?? "form",
    hint: (field, value) => (field === "severity" ? SEVERITIES[value] : field),
    host,
    parts(message, text) { // links, and the words that show the problem, marked
      return linked(text).flatMap((piece) => (piece.href ? [piece] : this.marked(message, piece.text)));
    },
    marked(message, text) {
      const words = message.words.filter((word) => word.length > 2)
        .map((word) => word.replace(/[.*+?^\${}()|[\]\\]/g, "\\$&"));
      if (!words.length) return [{ text }];
      return text.split(new RegExp(`(?<![\\p{L}\\p{N}])(${words.join("|")})(?![\\p{L}\\p{N}])`, "iu"))
        .map((piece, at) => ({ text: piece, marked: at % 2 === 1 }));
    },
  },
  template: `
  <section class="talk" aria-label="Conversation">
    <article v-for="message in ticket.conversation" :key="message.id" class="message"
      :class="{ own: message.own, gone: message.kind === 'deleted', chosen: message.id === chosen && agent }">
      <header>
        <b>{{ message.kind === 'deleted' ? 'deleted' : message.author ?? (message.own ? ticket.brand : 'unknown') }}</b>
        <span v-if="message.own" class="chip">{{ ticket.brand ?? 'brand' }}</span><span
          v-if="message.kind === 'transcript'" class="chip"><span class="sym" aria-hidden="true">call</span>call</span>
        <span v-if="message.kind === 'complaint'" class="chip">{{ channel(message) }}</span><time
          class="faint num">{{ when(message.at) }}</time><a v-if="message.url" class="faint post-link"
          :href="message.url" target="_blank" rel="noopener noreferrer nofollow" :aria-label="'The post on ' + ticket.network"
          :title="'The post on ' + ticket.network"><span class="sym" aria-hidden="true">open_in_new</span></a></header>
      <p v-if="message.kind === 'deleted'" class="faint">Its author took this message back.</p>
      <ol v-else-if="message.turns" class="turns"><li v-for="(turn, at) in message.turns" :key="at" class="turn"
        :class="[turn.who, { soured: turn.soured }]">
        <p v-if="turn.soured" class="sour small"><span class="sym" aria-hidden="true">trending_up</span>Here the caller
          loses patience</p>
        <p class="small faint speaker"><b>{{ speaker(turn, message) }}</b><span
          class="num">{{ place(turn) }}</span><span v-if="turn.dissatisfaction != null" class="num"
          :title="'dissatisfaction ' + turn.dissatisfaction">{{ turn.dissatisfaction }}</span></p>
        <p class="words" dir="auto"><template v-for="(part, n) in parts(message, turn.text)" :key="n"><mark
          v-if="part.marked && turn.who !== 'agent'">{{ part.text }}</mark><template
          v-else>{{ part.text }}</template></template></p></li></ol>
      <p v-else class="text" dir="auto"><template v-for="(part, at) in parts(message, message.text)" :key="at"><a
        v-if="part.href" class="outside" :href="part.href" target="_blank" rel="noopener noreferrer nofollow ugc"
        :title="'leads to ' + host(part.href)">{{ part.text }}</a><mark v-else-if="part.marked">{{ part.text }}</mark><template
        v-else>{{ part.text }}</template></template></p>
      <ul v-if="message.pictures" class="picture-list"><li v-for="one in message.pictures.shown" :key="one.id">
        <a :href="source(message.pictures.reply, one)" target="_blank" rel="noopener"><img :alt="one.alt" loading="lazy"
          :src="source(message.pictures.reply, one)" :width="one.width" :height="one.height"></a></li></ul>
      <details v-if="message.trimmed" class="trimmed"><summary>Quoted text, signature and footers</summary>
        <p class="text faint" dir="auto">{{ message.trimmed }}</p></details>
      <footer v-if="!message.own && message.kind !== 'deleted'">
        <span v-if="message.abstained"
          class="chip look">not judged{{ message.language && message.language !== 'en' ? ': ' + message.language : '' }}</span>
        <span v-for="each in judged(message)" :key="each.field" class="chip"
          :class="[each.field === 'sentiment' && !each.fixed ? 'mood-' + each.said : '', { corrected: each.fixed }]"
          :title="hint(each.field, message.judged[each.field])">
          <span v-if="each.field === 'sentiment' && face(message)" class="sym"
            aria-hidden="true">{{ face(message) }}</span>
          <template v-if="each.fixed"><s
            v-if="each.field !== 'level' && each.fixed.is !== message.judged[each.field]">{{ each.said }}</s> <b>{{ inWords(each.field, each.fixed.is) }}</b> <span
            class="faint">says {{ each.fixed.who }}</span></template>
          <template v-else>{{ each.said }}</template></span>
        <span v-if="message.dissatisfaction != null" class="faint small num"
          title="0 content, 100 furious">dissatisfaction {{ message.dissatisfaction }}</span>
        <button v-if="agent" type="button" class="link" @click="$emit('correct', message.id)">correct <kbd
          v-if="message.id === chosen">x</kbd></button>
      </footer>
    </article>
  </section>`,
};
