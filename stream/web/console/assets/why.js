// Why a ticket has its priority, factor by factor: points, a bar, and the reason in words.
import { points } from "earshot/format.js";

const SHOWN = 5;

export default {
  props: { ticket: Object },
  data: () => ({ all: false }),
  computed: {
    shown() { return this.all ? this.ticket.factors : this.ticket.factors.slice(0, SHOWN); },
    most() { return Math.max(1, ...this.ticket.factors.map((each) => Math.abs(each.points))); },
    sum() { return this.ticket.factors.reduce((total, each) => total + each.points, 0); },
  },
  watch: { "ticket.id"() { this.all = false; } },
  methods: { points, width(each) { return { width: `${Math.max(2, (100 * Math.abs(each.points)) / this.most)}%` }; } },
  template: `
  <section class="panel" aria-labelledby="why-title">
    <h2 id="why-title">Why {{ ticket.level }}, priority {{ ticket.priority }}</h2>
    <ol class="factors">
      <li v-for="each in shown" :key="each.name" :class="{ less: each.points < 0 }">
        <span class="points num">{{ points(each.points) }}</span><span class="words" dir="auto">{{ each.words }}</span>
        <span class="bar" aria-hidden="true"><i :style="width(each)"></i></span></li>
    </ol>
    <p v-if="!ticket.answered && !['resolved', 'settled'].includes(ticket.state)" class="faint small">The queue adds
      points for the promise as it runs out, and for their other open tickets.</p>
    <p class="faint small"><template
      v-if="Math.round(sum) !== ticket.priority">Together {{ Math.round(sum) }}; a priority is 0 to 100. </template>
      <button v-if="ticket.factors.length > ${SHOWN}" type="button" class="link" :aria-expanded="all ? 'true' : 'false'"
        @click="all = !all">{{ all ? 'fewer' : (ticket.factors.length - ${SHOWN}) + ' more' }}</button></p>
  </section>`,
};
