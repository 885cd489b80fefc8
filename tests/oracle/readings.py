"""Where the specification leaves a choice, and the choice this model makes.

State
1. As of a past T the replay has its clock at T, not at its greatest event; else a suspect of 72 h before T
   would be over in the lives and live in the replay.
2. Between two `dropped:*` reasons of one instant the greatest by bytes wins ("by bytes" does not say which).
3. "The longest" anchor is the one with most UTF-8 bytes, not characters.
4. "Entries in content if any, else all" holds within a page event; separate events of one instant are
   compared whatever their `semantic_location`.
5. Among several rels of one instant, the greatest by bytes of the followed ones wins, if there are any.
6. A loss of a source that does not accept losses is accepted (it moves the clock, is counted, makes the
   link heard of) but is no observation: it does not move `last_checked_at`.
7. A suspect and a firm loss of one instant are one firm observation: it ends a life at once, and a suspect
   before it is confirmed with the firm reason.
8. `lost_at` is the time of the suspect loss that the ending began with, also when a firm loss confirms it.
9. Runs of attributes go on over the gaps between lives: a value outlives the life it was seen in.
10. Attributes of a `lost` event are kept with the event and change nothing.
11. The clock is the greatest `observed_at` of any accepted event, of internal links and of losses, too.

Pages
21. A page's own fields are no attributes of its links; what its entries carry is.
22. `occurrences` is carried by page events alone, and is 1 before the first that says otherwise.
23. "The entries in content if any" are among those that carry an anchor.
24. The answer is judged in this order: 404/410, 3xx, other codes from 400, pageerror without a code, noindex,
    canonical, `complete`. `http_code` 0 without pageerror says nothing; 304 is left to the decoder's tests.
25. A complete answer of 200 with `lost_reason: pageerror` is a suspect loss of what it does not list.
26. What a page says of all its links counts for every link of it that any event makes known, before or after.
27. A `referral` does not make its link known; `target` and `referral` move the clock like every event.

Views
12. A link is unverified from exactly `unverified_after_days` after its last sighting on (<=, as suspects).
13. A link without rel is followed, also one that was only ever lost.
14. `domains` has a row for a domain whose only sighted links are internal, with zeros: the row says "known",
    only the counts leave internal links out. Such a domain is a node of the graph, too.
15. `link_velocity` has no row in which nothing began or ended, even if one was counted and taken back.
16. The deciding event of a beginning is any sighting of that instant; of an ending, any loss of that instant
    with the reason that won. Which one is left open, because duplicates have offsets of their own.
17. `times_lost` is 0, not null, for a link only ever lost; `attributes` is null rather than `{}`.
18. A redirect or canonical that joins a page to itself still silences the page's other links.
19. `sources` counts distinct offsets; `next_offset` must only be above the greatest one delivered.
20. `new_lost` shows a lost row also where a later life restored the link: every beginning and every ending.
"""
