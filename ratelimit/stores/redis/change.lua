-- Changes one record in other ways than taking tokens.
--
-- KEYS: the record and, for `forget`, its index if it has one. ARGV: the name of the change, then its arguments.

local key = KEYS[1]
local limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch = load(key)

local function write()
  save(key, limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch)
  return 1
end

local changes = {}

-- ARGV[2]: an epoch, which is stored if it is newer.
function changes.set_epoch()
  epoch = math.max(epoch, tonumber(ARGV[2]))
  return write()
end

-- Fills the bucket.
function changes.reset()
  tat_s, tat_ns, fraction = 0, 0, 0
  return write()
end

-- Compare and set. ARGV[2]: the expected bucket (limit, TAT and fraction), ARGV[3]: its replacement. Returns 0 if the
-- bucket is another one.
function changes.replace_bucket()
  if ARGV[2] ~= struct.pack('<I8I8I4I4', limit, tat_s, tat_ns, fraction) then
    return 0
  end
  limit, tat_s, tat_ns, fraction = struct.unpack('<I8I8I4I4', ARGV[3])
  return write()
end

-- Deletes the record, unless it was used at this time or later. ARGV[2], ARGV[3]: the time's seconds and nanoseconds;
-- '' deletes the record in any case.
function changes.forget()
  if ARGV[2] ~= '' then
    local since_s, since_ns = tonumber(ARGV[2]), tonumber(ARGV[3])
    if used_s_0 > since_s or (used_s_0 == since_s and used_ns_0 >= since_ns)
      or used_s_1 > since_s or (used_s_1 == since_s and used_ns_1 >= since_ns) then
      return 0
    end
  end
  if KEYS[2] then
    redis.call('ZREM', KEYS[2], key)
  end
  return redis.call('DEL', key)
end

return changes[ARGV[1]]()
