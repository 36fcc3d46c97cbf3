// A screen on a wall: nobody presses reload there, so the page does it, once there is somebody to load from.
export function heal(heard, lost) { // heard: when the server last said something, in milliseconds
  let busy = false;
  const look = async () => {
    if (busy || Date.now() - heard() < lost) return;
    busy = true;
    try {
      const answer = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (answer.ok) location.reload();
    } catch { /* it is away: what was last seen stays on the wall */ } finally { busy = false; }
  };
  const ticking = setInterval(look, 5000);
  addEventListener("online", look);
  return () => { clearInterval(ticking); removeEventListener("online", look); };
}
