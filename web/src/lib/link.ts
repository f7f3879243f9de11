// Addresses from strangers. Pure.

/** The address, if it is a plain https address. */
export function safeLink(url: string | null | undefined): string | undefined {
  if (url == null || !URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  return parsed.protocol === 'https:' && parsed.username === '' ? parsed.href : undefined;
}
