// How a person wants to be told, kept in this browser alone: a sound, a note of the browser; both off at first.
const KEY = "earshot.notice";

export function wishes() {
  try { return { sound: false, browser: false, ...JSON.parse(localStorage.getItem(KEY)) }; } catch { return { sound: false, browser: false }; }
}
export function wish(changes) {
  const now = { ...wishes(), ...changes };
  try { localStorage.setItem(KEY, JSON.stringify(now)); } catch { /* a browser that keeps nothing asks again */ }
  return now;
}
export const able = () => "Notification" in window && window.isSecureContext;

let audio = null;
export function ring() { // two short notes; no file to load
  try {
    audio ??= new AudioContext();
    [[0, 660], [0.14, 880]].forEach(([after, pitch]) => {
      const tone = audio.createOscillator(), loudness = audio.createGain(), at = audio.currentTime + after;
      tone.frequency.value = pitch;
      loudness.gain.setValueAtTime(0.12, at);
      loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.13);
      tone.connect(loudness).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.14);
    });
  } catch { /* a browser without sound */ }
}

export function show(title, words, href, tag) { // text alone; a browser renders no markup in it
  if (!able() || Notification.permission !== "granted") return;
  const note = new Notification(title, { body: words, tag, icon: "/favicon.ico" });
  note.onclick = () => { window.focus(); location.href = href; note.close(); };
}

export function fresh(name, keys) { // those that no tab of this browser has told of; they count as told from now on
  let known = [];
  try { known = JSON.parse(localStorage.getItem(name)) ?? []; } catch { known = []; }
  const news = keys.filter((key) => !known.includes(key));
  try { localStorage.setItem(name, JSON.stringify([...known.filter((key) => !keys.includes(key)), ...keys].slice(-200))); } catch { /* as above */ }
  return news;
}
