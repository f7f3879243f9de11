// Rows that change places glide there: measured before and after, then moved by transform.

const MOVE_MS = 520;
const FADE_MS = 420;
const EASING = 'cubic-bezier(0.22, 0.8, 0.24, 1)';

export type Places = Map<string, number>;

export const still = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches;

/** Where each row is now, transforms in flight included, relative to the top of the body. */
export function places(body: HTMLTableSectionElement): Places {
  const top = body.getBoundingClientRect().top;
  const found: Places = new Map();
  for (const row of body.rows) {
    found.set(row.dataset.tag ?? '', row.getBoundingClientRect().top - top);
  }
  return found;
}

/** Moves rows from where they were to where they are; rows that were not there fade in. */
export function glide(body: HTMLTableSectionElement, before: Places): void {
  if (still() || document.hidden) return;
  // A row still in flight goes on from where it is: its old animation ends, it never jumps back.
  for (const row of body.rows) {
    for (const old of row.getAnimations()) if (old.id === 'glide') old.cancel();
  }
  const after = places(body);
  for (const row of body.rows) {
    const key = row.dataset.tag ?? '';
    const was = before.get(key);
    const is = after.get(key) ?? 0;
    if (was === undefined) {
      row.animate([{ opacity: 0 }, { opacity: 1 }], { duration: FADE_MS, easing: 'ease-out' });
    } else if (Math.abs(was - is) > 0.5) {
      const up = was > is;
      const frames = [{ transform: `translateY(${was - is}px)` }, { transform: 'none' }];
      // A row on its way up passes over the others.
      row.style.zIndex = up ? '2' : '';
      const moving = row.animate(frames, { duration: MOVE_MS, easing: EASING, id: 'glide' });
      moving.onfinish = () => {
        row.style.zIndex = '';
      };
    }
  }
}
