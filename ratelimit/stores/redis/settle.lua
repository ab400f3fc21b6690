-- Settles a reservation, like `settle` of ratelimit/settlements.py: replaces what it reserved of each counter by what
-- that cost.
--
-- KEYS: the reservation, the key's record, the count of the key's open reservations, then the counters of the claims and
-- others that the reservation may have, each once, and the index of usage by unit if there is one.
-- ARGV: the time, the caller, the new status, the id of its slots, the cost of the limit `key`, the names of the counters
-- in KEYS as a reservation's record has them, then a CLAIM with its terms for each claim.
-- Returns a status, the reservation's record and the time: DONE; AS_IS if the caller has to look at the record, or a counter
-- is not in KEYS; EXPIRED; ENDED if all terms of a claim have ended; or MISSING, followed by the names of the quotas
-- without a counter.

local DONE, AS_IS, EXPIRED, ENDED, MISSING = 1, 2, 3, 7, 8
local KEY = 0
local CLAIM, TERMS, TERM = '<I1I1I8I8', 19, '<I8c8I8'
local TERM_BYTES, ENTRY_BYTES = 24, 33
local RESULT = '<I1I8I8I4I8I4c8'
local NO_LIMIT = '\0\0\0\0\0\0\0\0'
-- Limits in ratelimit/limit.py.
local MAX_BURST, MAX_PER_SECONDS = 1000000000, 2678400
local OVERDRAWN_BUCKETS = 2

local now_s, now_ns = time_of(ARGV[1])
local slot = ARGV[4]
local key_cost = unpacked('<I8', ARGV[5])

-- Returns what `Limit` of ratelimit/limit.py has for a limit's code of 8 bytes; nil if it is no limit.
local function limit_of(code)
  local per_seconds, burst = unpacked('<I4I4', code)
  if burst < 1 or burst > MAX_BURST or per_seconds < 1 or per_seconds > MAX_PER_SECONDS then
    return nil
  end
  local period = per_seconds * BILLION
  local divisor, rest = burst, period
  while rest > 0 do
    divisor, rest = rest, divisor % rest
  end
  return {burst = burst, period = period, ticks = burst / divisor, price = period / divisor}
end

-- Returns the price of tokens (up to two full buckets) in nanoseconds and ticks. The product of tokens and ticks can be
-- above what a double represents exactly, so it is divided in two parts.
local function price_of(limit, tokens)
  local ticks = limit.ticks
  local part = limit.price % ticks
  local high = math.floor(tokens / 65536) * part
  local low = (high % ticks) * 65536 + (tokens % 65536) * part
  local ns = tokens * ((limit.price - part) / ticks) + (high - high % ticks) / ticks * 65536
  return ns + (low - low % ticks) / ticks, low % ticks
end

-- Adds `cost` tokens to a bucket and gives `reserved` back, within so many full buckets. `code` is the limit under which
-- it was last used, and `otherwise` that of one that was never used. Returns the bucket (limit, TAT, fraction), and the
-- result for the reservation's record.
local function shift_bucket(code, tat_s, tat_ns, fraction, otherwise, cost, reserved, full_buckets)
  local limit = limit_of(code)
  if not limit then
    code, limit, tat_s, tat_ns, fraction = otherwise, limit_of(otherwise), 0, 0, 0
  end
  local bound = full_buckets * limit.period
  local before, before_fraction = debt_of(tat_s, tat_ns, fraction, now_s, now_ns, bound)
  local ns, ticks = price_of(limit, math.min(math.abs(cost - reserved), 2 * limit.burst))
  if cost < reserved then
    ns, ticks = -ns, -ticks
  end
  local after, after_fraction = within(bound, plus(before, before_fraction, ns, ticks, limit.ticks))
  tat_s, tat_ns = later(now_s, now_ns, after)
  local result = packed(RESULT, 1, cost, before, before_fraction, after, after_fraction, code)
  return code, tat_s, tat_ns, after_fraction, result
end

local function unsettled(cost)
  return packed(RESULT, 0, cost, 0, 0, 0, 0, NO_LIMIT)
end

-- Returns the names in a text from `at` on, each after its length: `count` of them, or all. Returns where they end, too.
local function names_in(text, at, count)
  local names = {}
  while count and #names < count or not count and at <= #text do
    local length = string.byte(text, at)
    names[#names + 1] = length and string.sub(text, at + 1, at + length) or ''
    at = at + 1 + (length or 0)
  end
  return names, at
end

-- The names of counters in records by those in Redis, and the other way round.
local known_as, names_of_keys = {}, names_in(ARGV[6], 1)
for position, name in ipairs(names_of_keys) do
  known_as[name] = KEYS[3 + position]
end
-- Counters by name: all that were read (false for one that does not exist), and those to write.
local last_counter = 3 + #names_of_keys
local counters = last_counter > 3 and load_counters({unpack(KEYS, 4, last_counter)}) or {}
local changed, freed_slots, changed_record = {}, {}, nil

local function change(name, counter)
  counters[name], changed[name] = counter, counter
end

-- Returns the entries of an open reservation's record, and its end; nil if the caller has to look at the record.
local function entries_in(raw)
  if type(raw) ~= 'string' or #raw < HEAD_BYTES + 3 then
    return nil
  end
  local status, expires = unpacked(HEAD, raw)
  local caller, at = names_in(raw, HEAD_BYTES + 1, 1)
  local names, first = names_in(raw, at + 1, string.byte(raw, at) or 0)
  if status ~= 0 or caller[1] ~= ARGV[2] or #raw ~= first - 1 + #names * ENTRY_BYTES then
    return nil
  end
  local entries = {}
  for position, name in ipairs(names) do
    local entry = {as = name, name = known_as[name], cost = 0, named = false}
    entry.kind, entry.definition, entry.limit, entry.ends, entry.reserved =
      unpacked(ENTRY, raw, first + (position - 1) * ENTRY_BYTES)
    if entry.kind == KEY then
      entry.cost = key_cost
    elseif not entry.name or entry.kind > UNITS then
      return nil
    end
    if entry.kind <= RATE and not limit_of(entry.limit) then
      return nil
    end
    entries[position] = entry
  end
  return entries, expires
end

-- Sets the costs of entries, and adds those of claims that were not reserved. Slots are held from the start or not at all.
local function add_claims(entries)
  local reserved = #entries
  for number = 7, #ARGV do
    local position, kind, definition, cost = unpacked(CLAIM, ARGV[number])
    local name, is_reserved = names_of_keys[position], false
    for at = 1, reserved do
      local entry = entries[at]
      if entry.as == name and entry.definition == definition and entry.kind ~= KEY then
        entry.cost, entry.named, is_reserved = cost, true, true
      end
    end
    if not is_reserved and kind ~= SLOTS then
      entries[#entries + 1] = {
        as = name, name = known_as[name], kind = kind, definition = definition, limit = NO_LIMIT, ends = 0,
        reserved = 0, cost = cost, named = true, terms = ARGV[number]
      }
    end
  end
end

-- Sets the limit, or the end of the period, of an entry that was not reserved. Returns false if all its terms have ended.
local function set_term(entry)
  for at = TERMS, #entry.terms, TERM_BYTES do
    local until_s, limit, ends = unpacked(TERM, entry.terms, at)
    if now_s < until_s then
      entry.limit, entry.ends = limit, ends
      return true
    end
  end
  return false
end

-- Opens the counter of an entry that was not reserved, as a take would.
local function open_counter(name, entry)
  local counter = counters[name]
  if entry.kind == UNITS then
    entry.ends = now_s
  elseif entry.kind == QUOTA then
    local opened = open_quota(counter, entry.definition, entry.ends, now_s)
    change(name, opened)
    entry.ends = opened[3]
  elseif not counter or counter[1] ~= RATE or counter[2] ~= entry.definition then
    change(name, {RATE, entry.definition, entry.limit, 0, 0, 0})
  end
end

local function settle_key(entry)
  local limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch =
    load(KEYS[2])
  if math.max(limit, allowed, throttled, tat_s, used_s_0, used_s_1, epoch) == 0 then
    -- The key was deleted, and must not come back with its bucket.
    return unsettled(entry.cost)
  end
  local code, result
  code, tat_s, tat_ns, fraction, result = shift_bucket(
    packed('<I8', limit), tat_s, tat_ns, fraction, entry.limit, entry.cost, entry.reserved, 1
  )
  limit = unpacked('<I8', code)
  changed_record = {limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch}
  return result
end

local function settle_rate(name, entry)
  local counter = counters[name]
  if counter and (counter[1] ~= RATE or counter[2] ~= entry.definition) then
    return unsettled(entry.cost)
  end
  local _, _, code, tat_s, tat_ns, fraction = unpack(counter or {RATE, 0, NO_LIMIT, 0, 0, 0})
  local result
  code, tat_s, tat_ns, fraction, result = shift_bucket(
    code, tat_s, tat_ns, fraction, entry.limit, entry.cost, entry.reserved, OVERDRAWN_BUCKETS
  )
  change(name, {RATE, entry.definition, code, tat_s, tat_ns, fraction})
  return result
end

local function settle_quota(name, entry)
  local counter = counters[name]
  local difference = entry.cost - entry.reserved
  if not counter or counter[1] ~= QUOTA or counter[2] ~= entry.definition then
    return unsettled(entry.cost)
  end
  local _, definition, ends, used, revision, previous_ends, previous_used = unpack(counter)
  local before, after
  if entry.ends == ends then
    before, after = used, math.max(0, math.min(used + difference, MAX_USED))
    if after < before then
      -- Otherwise what the database has would give the larger value back.
      revision = revision + 1
    end
    change(name, {QUOTA, definition, ends, after, revision, previous_ends, previous_used})
  elseif entry.ends == previous_ends then
    before, after = previous_used, math.max(0, math.min(previous_used + difference, MAX_USED))
    change(name, {QUOTA, definition, ends, used, revision, previous_ends, after})
  else
    return unsettled(entry.cost)
  end
  return packed(RESULT, 1, entry.cost, before, 0, after, 0, NO_LIMIT)
end

local function settle_units(name, entry)
  local more, less = math.max(0, entry.cost - entry.reserved), math.max(0, entry.reserved - entry.cost)
  if more + less > 0 then
    change(name, add_units(counters[name], entry.ends, more, less, now_s))
    index_units(KEYS[last_counter + 1], name, counters[name], now_s)
  end
  return packed(RESULT, 1, entry.cost, 0, 0, more, 0, NO_LIMIT)
end

local function free_slot(name, entry)
  local slots, held, latest = load_slots(name, entry.definition, now_s)
  local at = find_slot(slots, slot)
  if not at then
    return packed(RESULT, 0, entry.reserved, held, 0, held, 0, NO_LIMIT)
  end
  slots = string.sub(slots, 1, at - 1) .. string.sub(slots, at + SLOT_BYTES)
  freed_slots[name] = {entry.definition, slots, latest}
  return packed(RESULT, 1, entry.reserved, held, 0, held - 1, 0, NO_LIMIT)
end

local function settle(name, entry)
  if entry.kind == KEY then
    return settle_key(entry)
  elseif entry.kind == RATE then
    return settle_rate(name, entry)
  elseif entry.kind == QUOTA then
    return settle_quota(name, entry)
  elseif entry.kind == UNITS then
    return settle_units(name, entry)
  end
  return free_slot(name, entry)
end

local raw = redis.pcall('GET', KEYS[1])
local entries, expires = entries_in(raw)
if not entries then
  return {AS_IS, type(raw) == 'string' and raw or '', now_s}
elseif now_s >= expires then
  return {EXPIRED, raw, now_s}
end
add_claims(entries)
local missing, has_ended = {MISSING, raw, now_s}, false
for _, entry in ipairs(entries) do
  if entry.terms and not set_term(entry) then
    has_ended = true
  end
  if entry.kind == QUOTA and entry.named and not counters[entry.name] then
    missing[#missing + 1] = entry.as
  end
end
if #missing > 3 then
  return missing
elseif has_ended then
  return {ENDED, raw, now_s}
end

local names, parts, results = {}, {}, {}
for position, entry in ipairs(entries) do
  if entry.terms then
    open_counter(entry.name, entry)
  end
  names[position] = string.char(#entry.as) .. entry.as
  results[position] = settle(entry.name, entry)
  parts[position] = packed(ENTRY, entry.kind, entry.definition, entry.limit, entry.ends, entry.reserved)
end
save_counters(changed)
for name, slots in pairs(freed_slots) do
  save_slots(name, unpack(slots))
end
if changed_record then
  save(KEYS[2], unpack(changed_record))
end
local record = packed(HEAD, tonumber(ARGV[3]), expires)
  .. string.char(#ARGV[2]) .. ARGV[2] .. string.char(#entries) .. table.concat(names) .. table.concat(parts)
  .. packed('<I8', now_s) .. table.concat(results)
save_until(KEYS[1], record, expires + KEPT_SECONDS)
local _, open = load_open(KEYS[3], now_s)
save_open(KEYS[3], open, 0, expires)
return {DONE, record, now_s}
