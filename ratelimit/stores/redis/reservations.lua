-- What the scripts for reservations share: slots, as in ratelimit/slots.py, the count of open reservations, as in
-- ratelimit/open_reservations.py, and parts of a reservation, as in ratelimit/reservation_record.py. Put behind
-- counters.lua.

local SLOT, SLOT_BYTES, ID_BYTES = '<c22I8', 30, 22
local MAX_SLOTS = 1000
local OPEN, OPEN_BYTES = '<I4I4', 8
local HEAD, HEAD_BYTES = '<I1I8', 9
local ENTRY = '<I1I8c8I8I8'
local KEPT_SECONDS = 600

-- Writes a value that Redis deletes by itself. A test's clock isn't Redis' own, so nothing is deleted by it.
local function save_until(name, value, until_s)
  if ARGV[1] == '' then
    redis.call('SET', name, value, 'EXAT', string.format('%.0f', until_s))
  else
    redis.call('SET', name, value)
  end
end

-- Returns the slots of a counter that are held at a time, as its value has them, how many these are, and the latest of
-- their ends. There can be 1,000, so no slot gets a table of its own.
local function load_slots(name, definition, now_s)
  local raw = redis.pcall('GET', name)
  if type(raw) ~= 'string' or #raw % SLOT_BYTES ~= 8 or unpacked('<I8', raw) ~= definition then
    return '', 0, 0
  end
  local held, ended, latest = {}, 0, 0
  for at = 9, #raw, SLOT_BYTES do
    local ends = unpacked('<I8', raw, at + ID_BYTES)
    if ends <= now_s then
      ended = ended + 1
    else
      held[#held + 1] = at
      if ends > latest then
        latest = ends
      end
    end
  end
  if ended == 0 then
    return string.sub(raw, 9), #held, latest
  end
  for position, at in ipairs(held) do
    held[position] = string.sub(raw, at, at + SLOT_BYTES - 1)
  end
  return table.concat(held), #held, latest
end

-- Returns where the slot of a reservation begins in `slots`; nil if it holds none.
local function find_slot(slots, id)
  local at = string.find(slots, id, 1, true)
  while at and at % SLOT_BYTES ~= 1 do
    at = string.find(slots, id, at + 1, true)
  end
  return at
end

local function save_slots(name, definition, slots, latest)
  if slots == '' then
    redis.call('DEL', name)
  else
    save_until(name, packed('<I8', definition) .. slots, latest)
  end
end

-- Returns how many reservations of a key are open, and their numbers by the minute in which they expire.
local function load_open(name, now_s)
  local raw, open, total = redis.pcall('GET', name), {}, 0
  if type(raw) == 'string' and #raw % OPEN_BYTES == 0 then
    for at = 1, #raw, OPEN_BYTES do
      local minute, number = unpacked(OPEN, raw, at)
      if (minute + 1) * 60 > now_s then
        open[minute], total = number, total + number
      end
    end
  end
  return total, open
end

-- Counts a reservation that expires at `opened` and one that would have expired at `ended`; 0 stands for none.
local function save_open(name, open, opened, ended)
  local parts, latest = {}, 0
  opened, ended = math.floor(opened / 60), math.floor(ended / 60)
  if opened > 0 then
    open[opened] = (open[opened] or 0) + 1
  end
  if open[ended] then
    open[ended] = open[ended] - 1
  end
  for minute, number in pairs(open) do
    if number > 0 then
      parts[#parts + 1] = packed(OPEN, minute, number)
      latest = math.max(latest, minute)
    end
  end
  if latest == 0 then
    redis.call('DEL', name)
  else
    save_until(name, table.concat(parts), (latest + 1) * 60)
  end
end

-- Returns the end, in seconds, of what is open for so many seconds from a time. It is rounded up.
local function expiry(now_s, now_ns, ttl)
  return now_s + (now_ns > 0 and 1 or 0) + ttl
end
