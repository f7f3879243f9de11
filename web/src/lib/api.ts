// Plain requests to the API.
import type { Explanation, StoredRankings, Status, TagDetail } from './api-types';

const TIMEOUT_MS = 8_000;

export class ApiError extends Error {
  constructor(
    readonly status: number,
    path: string,
  ) {
    super(`${path} answered ${status}`);
  }
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await fetch(path, {
    headers: { accept: 'application/json' },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  });
  if (!answer.ok) throw new ApiError(answer.status, path);
  return (await answer.json()) as T;
}

export const getStatus = (signal?: AbortSignal) => get<Status>('/api/v1/status', signal);

function query(params: Record<string, string | undefined>): string {
  const given = Object.entries(params).filter((one): one is [string, string] => one[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

/** The details of a tag, among all posts or in a view of the job. */
export const getTag = (key: string, view: string | undefined, signal?: AbortSignal) =>
  get<TagDetail>(`/api/v1/tags/${encodeURIComponent(key)}${query({ view })}`, signal);

/** Why a tag is listed or not, by default in the window of the default ranking. */
export const getExplanation = (
  key: string,
  { window, view }: { window: number | undefined; view: string | undefined },
  signal?: AbortSignal,
) => {
  const asked = query({ window: window?.toString(), view });
  return get<Explanation>(`/api/v1/tags/${encodeURIComponent(key)}/explain${asked}`, signal);
};

export const getHistory = (query: string, signal?: AbortSignal) =>
  get<StoredRankings>(`/api/v1/history${query}`, signal);

export const liveUrl = (query: string) => `/api/v1/live${query}`;
