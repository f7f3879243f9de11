// Animates rows that change places: measured before and after, then moved by transform.

const MOVE_MS = 520;
const FADE_MS = 420;
const EASING = 'cubic-bezier(0.22, 0.8, 0.24, 1)';

export type Places = Map<string, number>;

export const still = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches;

/** The position of each row, including running animations, relative to the top of the body. */
export function places(body: HTMLTableSectionElement): Places {
  const top = body.getBoundingClientRect().top;
  const found: Places = new Map();
  for (const row of body.rows) {
    found.set(row.dataset.tag ?? '', row.getBoundingClientRect().top - top);
  }
  return found;
}

/** Moves rows from their old to their new positions; new rows fade in. */
export function glide(body: HTMLTableSectionElement, before: Places): void {
  if (still() || document.hidden) return;
  // A row that is still moving continues from its current position, without jumping back.
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
      // A row that moves up is drawn above the others.
      row.style.zIndex = up ? '2' : '';
      const moving = row.animate(frames, { duration: MOVE_MS, easing: EASING, id: 'glide' });
      moving.onfinish = () => {
        row.style.zIndex = '';
      };
    }
  }
}
