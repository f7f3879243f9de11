// Addresses from strangers. Pure.

/** The address, where it is https and nothing else. */
export function safeLink(url: string | null | undefined): string | undefined {
  if (url == null || !URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  return parsed.protocol === 'https:' && parsed.username === '' ? parsed.href : undefined;
}
