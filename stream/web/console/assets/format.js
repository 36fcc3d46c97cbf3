// Moments, spans and clocks in words. All moments are milliseconds since 1970 on the server's clock.
const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

export function span(ms) {
  const size = Math.abs(ms);
  if (size < MINUTE) return `${Math.floor(size / 1000)} s`;
  if (size < HOUR) return `${Math.floor(size / MINUTE)} min`;
  const minutes = String(Math.floor((size % HOUR) / MINUTE)).padStart(2, "0");
  if (size < 10 * HOUR) return `${Math.floor(size / HOUR)} h ${minutes}`;
  if (size < 2 * DAY) return `${Math.floor(size / HOUR)} h`;
  return `${Math.floor(size / DAY)} days`;
}

export const ago = (at, now) => (now - at < 10_000 ? "just now" : `${span(now - at)} ago`);

export function when(at) {
  const day = new Date(at), today = new Date();
  const time = day.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  if (day.toDateString() === today.toDateString()) return time;
  const parts = { day: "numeric", month: "short" };
  if (day.getFullYear() !== today.getFullYear()) parts.year = "numeric";
  return `${day.toLocaleDateString([], parts)}, ${time}`;
}

// What is left of the promise: its words, and how bad it is (late, soon, ok, done).
export function clock(ticket, now) {
  if (ticket.answered) return { kind: "done", icon: "check", words: "answered" };
  if (ticket.state === "resolved") return { kind: "done", icon: "check", words: "resolved" };
  const left = ticket.due - now;
  if (left < 0) return { kind: "late", icon: "error", words: `late ${span(left)}` };
  if (ticket.will_be_late) return { kind: "soon", icon: "warning_amber", words: `${span(left)}, will be late` };
  if (left < 5 * MINUTE) return { kind: "soon", icon: "hourglass_bottom", words: `${span(left)} left` };
  return { kind: "ok", icon: "schedule", words: `${span(left)} left` };
}

const languages = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

// The name of a language by its code; the code itself where the browser knows no name.
export function language(code) {
  try {
    return languages.of(code);
  } catch {
    return code;
  }
}

export const points = (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(Math.round(value))}`;

// Somebody is typing: letters are letters then.
export const typing = (target) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

// The focus was on what is hidden by now, or gone: the next key would begin at the top of the page.
export const nowhere = () => !document.activeElement || document.activeElement === document.body || !document.activeElement.offsetParent;
