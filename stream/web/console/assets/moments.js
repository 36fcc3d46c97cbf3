// Moments until which a ticket sleeps: the key, the words, and milliseconds since 1970.
export function moments(now) {
  const hour = 3_600_000, morning = new Date(now);
  morning.setDate(morning.getDate() + 1);
  morning.setHours(9, 0, 0, 0);
  const monday = new Date(morning);
  while (monday.getDay() !== 1) monday.setDate(monday.getDate() + 1);
  return [
    ["1", "an hour", now + hour], ["2", "4 hours", now + 4 * hour],
    ["3", "tomorrow at 9", morning.getTime()], ["4", "Monday at 9", monday.getTime()],
  ];
}
