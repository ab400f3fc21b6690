-- Settles a reservation, like `settle` of ratelimit/settlements.py: replaces what it reserved of each counter by what
-- that cost.
--
-- KEYS: the reservation, the key's record, the count of the key's open reservations, then the counter of each entry (any
-- key for the limit `key`), and the index of usage by unit if there is one.
-- ARGV: the time, the reservation's record as the caller read it, its new status and its end, the names in its new
-- record, the id of its slots, then its entries, of which the last ones are claims that were not reserved.
-- Returns DONE and the new record; CHANGED if the record is another one by now; EXPIRED or ENDED (all terms of a claim)
-- and the time; or MISSING and the entries of quotas without a counter, as bits.

local DONE, CHANGED, EXPIRED, ENDED, MISSING = 1, 2, 3, 7, 8
local KEY = 0
local OPERATION, TERMS, TERM = '<I1I8c8I8I8I8I1', 43, '<I8c8I8'
local TERM_BYTES = 24
local RESULT = '<I1I8I8I4I8I4c8'
local NO_LIMIT = '\0\0\0\0\0\0\0\0'
-- Limits in ratelimit/limit.py.
local MAX_BURST, MAX_PER_SECONDS = 1000000000, 2678400
local OVERDRAWN_BUCKETS = 2

local now_s, now_ns = time_of(ARGV[1])
local slot = ARGV[5]
local new_status, expires = unpacked(HEAD, ARGV[3])

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

-- Counters by name: all that were read (false for one that does not exist), and those to write.
local last_counter = #ARGV - 2
local counters = last_counter > 3 and load_counters({unpack(KEYS, 4, last_counter)}) or {}
local changed, freed_slots, changed_record = {}, {}, nil

local function change(name, counter)
  counters[name], changed[name] = counter, counter
end

-- Returns the entry that an argument encodes.
local function parse(argument)
  local entry = {}
  entry.kind, entry.definition, entry.limit, entry.ends, entry.reserved, entry.cost, entry.named =
    unpacked(OPERATION, argument)
  entry.added = #argument >= TERMS
  return entry
end

-- Sets the limit, or the end of the period, of an entry that was not reserved. Returns false if all its terms have ended.
local function set_term(entry, argument)
  for at = TERMS, #argument, TERM_BYTES do
    local until_s, limit, ends = unpacked(TERM, argument, at)
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

if redis.pcall('GET', KEYS[1]) ~= ARGV[2] then
  return {CHANGED, 0}
elseif now_s >= expires then
  return {EXPIRED, now_s}
end
local entries, missing, bit = {}, 0, 1
for position = 6, #ARGV do
  local entry = parse(ARGV[position])
  entry.ended = entry.added and not set_term(entry, ARGV[position])
  if entry.kind == QUOTA and entry.named == 1 and not counters[KEYS[position - 2]] then
    missing = missing + bit
  end
  entries[#entries + 1], bit = entry, bit * 2
end
if missing > 0 then
  return {MISSING, missing}
end
for _, entry in ipairs(entries) do
  if entry.ended then
    return {ENDED, now_s}
  end
end

local parts, results = {packed(HEAD, new_status, expires), ARGV[4]}, {packed('<I8', now_s)}
for position, entry in ipairs(entries) do
  local name = KEYS[3 + position]
  if entry.added then
    open_counter(name, entry)
  end
  results[#results + 1] = settle(name, entry)
  parts[#parts + 1] =
    packed(ENTRY, entry.kind, entry.definition, entry.limit, entry.ends, entry.reserved)
end
save_counters(changed)
for name, slots in pairs(freed_slots) do
  save_slots(name, unpack(slots))
end
if changed_record then
  save(KEYS[2], unpack(changed_record))
end
local record = table.concat(parts) .. table.concat(results)
save_until(KEYS[1], record, expires + KEPT_SECONDS)
local _, open = load_open(KEYS[3], now_s)
save_open(KEYS[3], open, 0, expires)
return {DONE, record}
