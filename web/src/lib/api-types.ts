// Written by `npm run types` from openapi.json.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description One raised alert; the JSON body of a webhook request. */
        Alert: {
            /**
             * Format: int64
             * @description End of the slide, milliseconds since the Unix epoch (event time).
             */
            at: number;
            /**
             * Format: int32
             * @description Place of a watched tag at the previous slide; null if it had none.
             */
            before?: number | null;
            /** @description Its most common spelling, without `#`. */
            display: string;
            /** @description Name of the job. */
            job: string;
            /** @description The same for the same job, rule, tag and slide. */
            key: string;
            /** @description What it ranks by. */
            mode: string;
            /** @description Condition of the rule: `peak`, `top`, `score`, `lift`, `watch`. */
            on: string;
            /** @description Name of the rule. */
            rule: string;
            /** @description The key of the tag. */
            tag: string;
            /** @description Sent by `tagtide alert test`; nothing happened. */
            test: boolean;
            /** @description The alert as one sentence. */
            text: string;
            trend?: null | components["schemas"]["Trend"];
            /** @description View of the ranking. */
            view: string;
            /**
             * Format: int64
             * @description Length of its window, seconds; null for `total`.
             */
            window_s?: number | null;
        };
        /** @description An alert and its delivery. */
        AlertRecord: components["schemas"]["Alert"] & {
            /**
             * Format: int32
             * @description HTTP status of the last answer.
             */
            answered?: number | null;
            /**
             * Format: int64
             * @description Our clock when it was delivered, milliseconds since the Unix epoch.
             */
            delivered_at?: number | null;
            /** @description Why the last attempt failed; null if it did not. */
            error?: string | null;
            /**
             * Format: int64
             * @description Our clock when it was raised, milliseconds since the Unix epoch.
             */
            raised_at: number;
            /** @description `feed` (no webhook), `waiting`, `delivered`, `failed`. */
            state: string;
            /**
             * Format: int32
             * @description Attempts of delivery.
             */
            tries: number;
        };
        /** @description Alerts and their delivery. */
        Alerts: {
            /** @description Newest first. */
            alerts: components["schemas"]["AlertRecord"][];
        };
        /** @description State of alerts, since the start. */
        AlertsStatus: {
            /**
             * Format: int64
             * @description Alerts delivered to a webhook.
             */
            delivered: number;
            /**
             * Format: int64
             * @description Alerts that were given up.
             */
            failed: number;
            /** @description Why the last delivery failed; empty after a success. */
            last_error: string;
            /** @description The queue of the outbox; an item is all alerts of one slide. */
            outbox: components["schemas"]["QueueStatus"];
            /**
             * Format: int64
             * @description Alerts that wait for delivery.
             */
            waiting?: number;
        };
        /** @description The last write to the checkpoint. */
        CheckpointStatus: {
            /**
             * Format: int64
             * @description Our clock when it was durable, milliseconds since the Unix epoch.
             */
            at: number;
            /**
             * Format: double
             * @description How long encoding, writing and syncing took, milliseconds.
             */
            write_ms: number;
        };
        /** @description Records and posts, by what became of them. */
        Counters: {
            /**
             * Format: int64
             * @description Posts of accounts that the job blocks.
             */
            blocked?: number;
            /**
             * Format: int64
             * @description Records that are valid and no post (control messages).
             */
            control: number;
            /**
             * Format: int64
             * @description Deletes that took back a remembered post.
             */
            deletes: number;
            /**
             * Format: int64
             * @description Deletes of posts that are not remembered.
             */
            deletes_unknown: number;
            /**
             * Format: int64
             * @description Posts seen before, dropped.
             */
            duplicates: number;
            /**
             * Format: int64
             * @description Edits.
             */
            edits: number;
            /**
             * Format: int64
             * @description Tags evicted at `tags_max`.
             */
            evicted_tags: number;
            /**
             * Format: int64
             * @description Posts more than five minutes ahead of our clock, dropped.
             */
            future: number;
            /**
             * Format: int64
             * @description Texts with invalid UTF-8, counted as posts all the same.
             */
            invalid_utf8: number;
            /**
             * Format: int64
             * @description Posts whose pane was closed: in `total`, in no window.
             */
            late: number;
            /**
             * Format: int64
             * @description Records that could not be decoded.
             */
            malformed: number;
            /**
             * Format: int64
             * @description Records longer than the line limit.
             */
            oversize: number;
            /**
             * Format: int64
             * @description Tags longer than 640 bytes, dropped.
             */
            oversize_tags: number;
            /**
             * Format: int64
             * @description Records cut by a lost connection.
             */
            partial: number;
            /**
             * Format: int64
             * @description Posts counted.
             */
            posts: number;
            /**
             * Format: int64
             * @description Counts made elsewhere that had been applied before, dropped.
             */
            repeated_updates?: number;
            /**
             * Format: int64
             * @description Posts of accounts that their platform calls bots, if the job skips them.
             */
            skipped_bots?: number;
            /**
             * Format: int64
             * @description Reposts, if the job skips them.
             */
            skipped_reposts?: number;
            /**
             * Format: int64
             * @description Posts with at least one tag.
             */
            tagged_posts: number;
            /**
             * Format: int64
             * @description Tag occurrences counted.
             */
            tags: number;
        };
        /** @description Every later tick: changes since the previous event. */
        Diff: {
            /**
             * Format: int64
             * @description Number of the batch.
             */
            batch: number;
            /** @description Keys of all rows, best first; a row that is not listed is gone. */
            order: string[];
            /**
             * Format: int64
             * @description Our clock at the tick, milliseconds since the Unix epoch.
             */
            published_at: number;
            /** @description The ranking without its `trends`. */
            ranking: Record<string, never>;
            /** @description Rows that are new or changed, by key. */
            rows: {
                [key: string]: components["schemas"]["Trend"];
            };
        };
        /** @description Why a tag is listed under `trending`, or not. Fields may be added. */
        Explanation: {
            /**
             * Format: int64
             * @description End of the window, milliseconds since the Unix epoch (event time).
             */
            at: number;
            /**
             * Format: int64
             * @description Distinct authors in it; posts without author are authors of their own.
             */
            authors: number;
            /** @description Commonest spelling, without `#`. */
            display: string;
            /** @description `authors` is an estimate: there are too many for an exact count. */
            estimated: boolean;
            /**
             * Format: double
             * @description People that are usual in the window; null before that window has learned.
             */
            expected?: number | null;
            /**
             * Format: int64
             * @description Start of the first pane that it counted in since it became live, whole seconds as
             *     milliseconds since the Unix epoch; null if unknown.
             */
            first_seen?: number | null;
            /** @description What must be true of a tag that is listed. */
            gates: components["schemas"]["Gate"][];
            /**
             * Format: double
             * @description Highest score so far, as far as it is still held.
             */
            held: number;
            /**
             * Format: int32
             * @description Baselines are still being learned: windows learned, of the three that it takes. There is no
             *     score until then, and rows are ordered by count.
             */
            learning?: number | null;
            /**
             * Format: double
             * @description Times the usual; likewise.
             */
            lift?: number | null;
            /** @description The gates let it into the ranking; whether it is among the first rows is another question. */
            listed: boolean;
            /** @description It is a new peak, which raises alerts. */
            peak: boolean;
            people?: null | components["schemas"]["PeopleRules"];
            /**
             * Format: int64
             * @description Posts in the window.
             */
            posts: number;
            recent?: null | components["schemas"]["RecentPosts"];
            /**
             * Format: double
             * @description Mean of `z` of the windows that have learned; null if none has.
             */
            score?: number | null;
            /** @description Spellings counted since the tag became live, commonest first. */
            spellings: components["schemas"]["Spelling"][];
            /** @description `new`, `rising`, `steady` or `cooling`; null while unknown. */
            status?: string | null;
            /** @description The key. */
            tag: string;
            /** @description All of it in one sentence. */
            text: string;
            /**
             * Format: int64
             * @description Length of the window, seconds.
             */
            window_s: number;
            /** @description The windows scored together: a quarter, once and four times the one asked for. */
            windows: components["schemas"]["WindowScore"][];
        };
        /** @description Posts that a source could not deliver. */
        Gap: {
            /**
             * Format: int64
             * @description Event time of the last post before it, milliseconds since the Unix epoch.
             */
            from: number;
            /**
             * Format: int64
             * @description Estimate of missed posts: the previous rate times the duration.
             */
            missed: number;
            /** @description The reason, for users. */
            reason: string;
            /**
             * Format: int64
             * @description Event time of the first post after it.
             */
            to: number;
        };
        /** @description One condition of a listing. */
        Gate: {
            /**
             * Format: double
             * @description The least that passes.
             */
            bound: number;
            /** @description `min_count`, `min_authors`, `score`, `lists` or `learned`. */
            name: string;
            /** @description It has that much. */
            passed: boolean;
            /** @description A listing depends on it; while baselines are being learned the score is not required. */
            required: boolean;
            /**
             * Format: double
             * @description The value of the tag: people, authors, the score, 1 if the job's tag filter lists it, else
             *     0, windows learned; null if there is none.
             */
            value?: number | null;
        };
        /** @description State of the history, since the start. */
        HistoryStatus: components["schemas"]["QueueStatus"] & {
            /**
             * Format: int64
             * @description The newest minute written, milliseconds since the Unix epoch (event time).
             */
            newest?: number | null;
            /**
             * Format: int64
             * @description Rows written.
             */
            rows?: number;
        };
        /** @description The lists as a JSON body. */
        Lists: {
            /** @description Their counts. */
            data: number[];
            /** @description Hashtags. */
            label: string[];
        };
        /** @description The token, if it is not in the `Authorization` header. */
        Login: {
            /** @description The token. */
            token: string;
        };
        /** @description How the authors of a window became people. */
        PeopleRules: {
            /**
             * Format: double
             * @description Authors under the rules; each post without author is one person.
             */
            authors: number;
            /**
             * Format: double
             * @description Authors in the three busiest spans; null if the window is too short for the rule.
             */
            busiest?: number | null;
            /**
             * Format: double
             * @description The least of what the rules allow, and posts without author: `x`.
             */
            counted: number;
            /**
             * Format: double
             * @description Authors who had posted before they joined the tag; null if the job does not ask
             *     (`people.known`), or it is not known yet.
             */
            known?: number | null;
            /**
             * Format: double
             * @description People that the rule of known authors allows; likewise.
             */
            known_allows?: number | null;
            /**
             * Format: double
             * @description The share of such authors among all who join a tag; likewise.
             */
            known_share?: number | null;
            /**
             * Format: double
             * @description Their posts.
             */
            posts: number;
            /**
             * Format: double
             * @description People that the rule of repetition allows.
             */
            repeat: number;
            /**
             * Format: int64
             * @description Length of the spans by which the rule of spread counts, seconds: a minute, or a fifteenth of
             *     a short window.
             */
            span_s: number;
            /**
             * Format: int32
             * @description Spans in which somebody came, each counted at their last post; of a sample where authors
             *     are estimated.
             */
            spans: number;
            /**
             * Format: double
             * @description People that the rule of spread allows; null if it does not apply.
             */
            spread?: number | null;
        };
        /** @description Why a request failed, and what to do. */
        Problem: {
            /** @description What was attempted and why it failed. */
            error: string;
            /** @description What to do. */
            help: string;
        };
        /** @description State of a queue whose items are made durable in order. */
        QueueStatus: {
            /**
             * Format: int64
             * @description Items made durable.
             */
            kept: number;
            /** @description Why the last group failed; empty after a success. */
            last_error: string;
            /**
             * Format: int64
             * @description Items given up.
             */
            lost: number;
            /**
             * Format: int64
             * @description Items in the queue.
             */
            waiting?: number;
        };
        /** @description The ordered result at one moment, for one mode and window of one view. */
        Ranking: {
            /** @description `tags_max` was reached: counts have `error_bound`. */
            approximate: boolean;
            /**
             * Format: int64
             * @description End of the window, milliseconds since the Unix epoch (event time).
             */
            at: number;
            /**
             * Format: int64
             * @description Distinct live tags in the window.
             */
            distinct_tags: number;
            /**
             * Format: int64
             * @description A count is at most this much too large.
             */
            error_bound: number;
            /**
             * Format: int32
             * @description Baselines are still being learned: windows learned, of the three that it takes. Until then
             *     rows are ordered by count.
             */
            learning?: number | null;
            /** @description Name of the mode. */
            mode: string;
            /**
             * Format: int64
             * @description Occurrences in the window of tags evicted at `tags_max`.
             */
            other?: number;
            /**
             * Format: int64
             * @description Posts in the window.
             */
            posts: number;
            /** @description A source holds the watermark back, so open panes may still grow. */
            provisional: boolean;
            /**
             * Format: int64
             * @description Posts with a tag in the window.
             */
            tagged_posts: number;
            /** @description Rows, best first. */
            trends: components["schemas"]["Trend"][];
            /** @description Name of the view; `all` always exists. */
            view: string;
            /**
             * Format: int64
             * @description Watermark, milliseconds since the Unix epoch.
             */
            watermark: number;
            /**
             * Format: int64
             * @description Window length in seconds; null for `total`.
             */
            window_s?: number | null;
        };
        /** @description Posts read from a source that is paid for. */
        Reads: {
            /**
             * Format: double
             * @description Upper bound of today's cost in US dollars.
             */
            cost_today: number;
            /**
             * Format: int64
             * @description Limit at which reading stops until the next midnight UTC.
             */
            max_per_day: number;
            /**
             * Format: int64
             * @description Posts since midnight UTC.
             */
            today: number;
        };
        /** @description Recent posts with a tag, as far as they are in memory. Fields may be added. */
        RecentPosts: {
            /**
             * Format: int64
             * @description Recent posts stored, with any tag; a sample if the stream is fast.
             */
            kept: number;
            /**
             * Format: int64
             * @description Those with this tag.
             */
            posts: number;
            /**
             * @description Tags that occur with it in these posts, most frequent first, at most ten; hidden ones are
             *     left out.
             */
            related: components["schemas"]["RelatedTag"][];
            /** @description The newest of these posts, newest first, each text once, at most five. */
            samples: components["schemas"]["SamplePost"][];
        };
        /** @description What of a source went to a recording. */
        Recorded: {
            /**
             * Format: int64
             * @description Bytes written, packed.
             */
            bytes: number;
            /** @description Why, while that lasts; else empty. */
            last_error: string;
            /**
             * Format: int64
             * @description Records that the disk did not take; they were counted all the same.
             */
            lost: number;
            /**
             * Format: int64
             * @description Records written.
             */
            records: number;
        };
        /** @description A tag that occurs with another in recent posts. */
        RelatedTag: {
            /** @description Commonest spelling, without `#`. */
            display: string;
            /**
             * Format: int64
             * @description Recent posts with both.
             */
            posts: number;
            /**
             * Format: double
             * @description Their share of the recent posts with the other tag.
             */
            share: number;
            /** @description The key. */
            tag: string;
        };
        /**
         * @description State of a run as a whole.
         * @enum {string}
         */
        RunState: "connecting" | "live" | "replay" | "ended";
        /** @description A post to display: text from strangers, never markup. */
        SamplePost: {
            /**
             * Format: int64
             * @description Event time, milliseconds since the Unix epoch.
             */
            at: number;
            /** @description The account, if its platform names it in public (Mastodon); else null. */
            author?: string | null;
            /** @description Language according to its platform; else null. */
            lang?: string | null;
            /** @description The text without its markup, cut after 1,000 bytes. */
            text: string;
            /** @description Its `https` address, if it can be derived; else null. */
            url?: string | null;
        };
        /** @description Evenly spaced counts. */
        Series: {
            /** @description Posts in each slot. */
            counts: number[];
            /**
             * Format: int64
             * @description Start of the first slot, milliseconds since the Unix epoch.
             */
            start: number;
            /**
             * Format: int64
             * @description Length of a slot, seconds.
             */
            step_s: number;
        };
        /** @description State of one sink. */
        SinkStatus: {
            /**
             * Format: int64
             * @description Rankings delivered.
             */
            delivered: number;
            /**
             * Format: int64
             * @description Rankings that failed.
             */
            failed: number;
            /** @description The last error; empty if none since the last success. */
            last_error: string;
            /** @description Name without secrets. */
            name: string;
            /**
             * Format: int64
             * @description Rankings replaced by newer ones or dropped from a full queue.
             */
            skipped: number;
        };
        /** @description First event of a live stream: everything. */
        Snapshot: {
            /**
             * Format: int64
             * @description Number of the batch.
             */
            batch: number;
            /**
             * Format: int64
             * @description Our clock at the tick, milliseconds since the Unix epoch.
             */
            published_at: number;
            /** @description The whole ranking. */
            ranking: components["schemas"]["Ranking"];
            /** @description The run's state and counters. */
            status: components["schemas"]["Status"];
        };
        /** @description State of one source. */
        SourceStatus: {
            /**
             * Format: int64
             * @description Bytes of records read from it, unpacked.
             */
            bytes?: number;
            /** @description Why it retries or failed; empty otherwise. */
            detail: string;
            /**
             * Format: int64
             * @description Updates of an engine that counts itself which were dropped: repeated, or not beginning where
             *     the last one ended.
             */
            dropped_updates?: number;
            /** @description Format of its records, once known. */
            format?: string | null;
            /**
             * Format: int64
             * @description Gaps in what it brought, since the job began.
             */
            gaps?: number;
            last_gap?: null | components["schemas"]["Gap"];
            /**
             * Format: int64
             * @description Posts missed in them, estimated.
             */
            missed?: number;
            /** @description Name without secrets. */
            name: string;
            /**
             * Format: int64
             * @description Posts counted from it.
             */
            posts: number;
            reads?: null | components["schemas"]["Reads"];
            /**
             * Format: int64
             * @description Times it was connected again.
             */
            reconnects: number;
            recorded?: null | components["schemas"]["Recorded"];
            /**
             * Format: double
             * @description Their share of the posts of all sources, 0 to 1.
             */
            share?: number;
            /** @description `connecting`, `live`, `retrying`, `read_limit`, `ended`, `failed`, `auth_failed`. */
            state: string;
        };
        /** @description One spelling of a tag. */
        Spelling: {
            /**
             * Format: int64
             * @description Times seen.
             */
            count: number;
            /** @description As typed, without `#`. */
            display: string;
        };
        /** @description The run's state and counters, all since the state directory began (or the start, without one). */
        Status: {
            alerts?: null | components["schemas"]["AlertsStatus"];
            /** @description `tags_max` was reached. */
            approximate: boolean;
            /**
             * Format: int64
             * @description Batch interval, milliseconds.
             */
            batch_ms: number;
            checkpoint?: null | components["schemas"]["CheckpointStatus"];
            /**
             * Format: int64
             * @description Epoch of the last durable checkpoint; null without a state directory.
             */
            checkpoint_epoch?: number | null;
            /** @description Counts by reason. */
            counters: components["schemas"]["Counters"];
            /**
             * Format: int64
             * @description Newest event time seen, milliseconds since the Unix epoch; null before the first post.
             */
            event_time?: number | null;
            history?: null | components["schemas"]["HistoryStatus"];
            /** @description Name of the job. */
            job: string;
            /**
             * Format: int64
             * @description Event time behind our clock, milliseconds (live sources).
             */
            lag_ms?: number | null;
            /** @description Modes configured. */
            modes: string[];
            /**
             * Format: double
             * @description Posts per second over the last ten seconds.
             */
            posts_per_s: number;
            /** @description Those of them that modes with a baseline can rank, in seconds. */
            scored_windows_s?: number[];
            /** @description One row a sink. */
            sinks: components["schemas"]["SinkStatus"][];
            /** @description One row a source. */
            sources: components["schemas"]["SourceStatus"][];
            /**
             * Format: int64
             * @description Start of this process, milliseconds since the Unix epoch.
             */
            started_at: number;
            /** @description State of the whole. */
            state: components["schemas"]["RunState"];
            /**
             * Format: int64
             * @description Live tags.
             */
            tags: number;
            /**
             * Format: int64
             * @description Most live tags counted exactly.
             */
            tags_max: number;
            /**
             * Format: double
             * @description Time that the previous tick took to rank and publish, milliseconds.
             */
            tick_ms?: number;
            /** @description Version of the program. */
            version: string;
            /** @description One row a view of the job; `all` has none, its figures are those above. */
            views?: components["schemas"]["ViewStatus"][];
            /**
             * Format: int64
             * @description Watermark, milliseconds since the Unix epoch.
             */
            watermark?: number | null;
            /** @description Windows configured, in seconds. */
            windows_s: number[];
        };
        /** @description One past ranking; if a tag was requested, only the row of that tag. */
        StoredRanking: {
            /**
             * Format: int64
             * @description End of the window, whole minutes, milliseconds since the Unix epoch (event time).
             */
            at: number;
            /** @description Rows, best first; `change` and `series` are not stored. */
            trends: components["schemas"]["Trend"][];
        };
        /** @description Past rankings. */
        StoredRankings: {
            /** @description What it ranks by. */
            mode: string;
            /**
             * Format: int64
             * @description Where the next request has to start, milliseconds since the Unix epoch; null if this was
             *     everything.
             */
            next?: number | null;
            /** @description Oldest first. */
            rankings: components["schemas"]["StoredRanking"][];
            /** @description Name of the view. */
            view: string;
            /**
             * Format: int64
             * @description Length of the window, seconds; null for `total`.
             */
            window_s?: number | null;
        };
        /** @description Everything known about one tag. */
        TagDetail: {
            /** @description Commonest spelling, without `#`. */
            display: string;
            /**
             * Format: int64
             * @description `total` is at most this much too large (`tags_max`).
             */
            error_bound: number;
            /**
             * Format: int64
             * @description Start of the first pane that it counted in since it became live, whole seconds as
             *     milliseconds since the Unix epoch; null if unknown.
             */
            first_seen?: number | null;
            recent?: null | components["schemas"]["RecentPosts"];
            /** @description Counts over the longest stored series, oldest first. */
            series: components["schemas"]["Series"];
            /** @description Spellings counted since the tag became live, commonest first. */
            spellings: components["schemas"]["Spelling"][];
            /** @description The key. */
            tag: string;
            /**
             * Format: int64
             * @description All-time count.
             */
            total: number;
            /** @description Count in each configured window, ascending. */
            windows: components["schemas"]["WindowCount"][];
        };
        /** @description One row of a ranking; the same shape everywhere. */
        Trend: {
            /**
             * Format: int64
             * @description Distinct authors in the window; null if the stream has no authors.
             */
            authors?: number | null;
            /**
             * Format: int32
             * @description Places moved since the last published ranking; positive is up, null is new.
             */
            change?: number | null;
            /**
             * Format: int64
             * @description Posts in the window (all-time for `total`).
             */
            count: number;
            /** @description Commonest spelling, without `#`. */
            display: string;
            /**
             * Format: double
             * @description Count expected from the tag's past.
             */
            expected?: number | null;
            /**
             * Format: double
             * @description Times the usual.
             */
            lift?: number | null;
            /**
             * Format: int32
             * @description Place, from 1.
             */
            rank: number;
            /**
             * Format: double
             * @description The value it was ranked by, if that is not the count.
             */
            score?: number | null;
            /** @description Counts of equal slots of the window that are over, oldest first, at most 60; live only. */
            series?: number[] | null;
            /** @description `new`, `rising`, `steady` or `cooling`. */
            status?: string | null;
            /** @description The key. */
            tag: string;
        };
        /** @description How large a view is. */
        ViewStatus: {
            /** @description Its name. */
            name: string;
            /**
             * Format: int64
             * @description Posts counted in it.
             */
            posts: number;
            /**
             * Format: int64
             * @description Live tags in it.
             */
            tags: number;
        };
        /** @description Count of a tag in one window. */
        WindowCount: {
            /**
             * Format: int64
             * @description Posts in it.
             */
            count: number;
            /**
             * Format: int64
             * @description Window length, seconds.
             */
            window_s: number;
        };
        /** @description One of the windows scored together. */
        WindowScore: {
            /**
             * Format: int64
             * @description Distinct authors in it.
             */
            authors: number;
            /** @description Enough of it are over for its baseline to mean something. */
            learned: boolean;
            /**
             * Format: double
             * @description Mean of `y` over its past.
             */
            mu: number;
            /**
             * Format: double
             * @description Variance of `y` over its past.
             */
            nu: number;
            /**
             * Format: int64
             * @description Posts in it.
             */
            posts: number;
            /**
             * Format: int64
             * @description Its length, seconds.
             */
            window_s: number;
            /**
             * Format: double
             * @description People in it, under the rules of people.
             */
            x: number;
            /**
             * Format: double
             * @description `x` transformed, so that noise is about one whatever the count: `2 sqrt(x + 3/8)`.
             */
            y: number;
            /**
             * Format: double
             * @description `(y - mu) / sqrt(1 + nu)`: how far it is from usual.
             */
            z: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;

export type Counters = components['schemas']['Counters'];
export type Explanation = components['schemas']['Explanation'];
export type Gate = components['schemas']['Gate'];
export type StoredRankings = components['schemas']['StoredRankings'];
export type StoredRanking = components['schemas']['StoredRanking'];
export type PeopleRules = components['schemas']['PeopleRules'];
export type Ranking = components['schemas']['Ranking'];
export type Recorded = components['schemas']['Recorded'];
export type RunState = components['schemas']['RunState'];
export type Series = components['schemas']['Series'];
export type SinkStatus = components['schemas']['SinkStatus'];
export type SourceStatus = components['schemas']['SourceStatus'];
export type Spelling = components['schemas']['Spelling'];
export type Status = components['schemas']['Status'];
export type TagDetail = components['schemas']['TagDetail'];
export type Trend = components['schemas']['Trend'];
export type WindowCount = components['schemas']['WindowCount'];
export type WindowScore = components['schemas']['WindowScore'];
