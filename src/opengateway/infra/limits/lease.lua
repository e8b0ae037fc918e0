-- The shared count of limits. One call for many scopes; each is one key:
--   {b = {[second] = {requests, tokens}},                    what was used, by the server's second
--    g = {[gateway] = {expires_ms, seq, batch, requests, tokens, running}}}   what each may still use
-- At any moment used + leased <= limit, so that no 60 seconds hold more than the limit, whichever
-- gateway uses its lease when. What a dead gateway held counts as used when its lease ran out.
-- ARGV[1], msgpack: {gateway, gateways, ttl_ms, asks}; an ask, flat:
--   {seq, batch, marks, have r t c, limits r t c (-1: none), least r t c, want r t c, unit}
-- marks = {{second, requests, tokens}, ...}: changes of what was used, taken once for each batch.
-- `have` is the truth of what the gateway holds, not a change: a lost answer mends itself.
-- Returns msgpack, for each ask {taken (1) or stale (0), granted r t c, left r t c, wait_ms}.

local time = redis.call('TIME')
local second = tonumber(time[1])
local now = second * 1000 + math.floor(tonumber(time[2]) / 1000)
local input = cmsgpack.unpack(ARGV[1])
local gateway, gateways, ttl, asks = input[1], input[2], input[3], input[4]
local KEPT_S, FORGET_MS = 60, 180000

local function count(buckets, at, requests, tokens)
  if at < second - KEPT_S then return end
  local bucket = buckets[at]
  if not bucket then
    bucket = {0, 0}
    buckets[at] = bucket
  end
  bucket[1] = math.max(0, bucket[1] + requests)
  bucket[2] = math.max(0, bucket[2] + tokens)
end

local function tidy(state)
  for at in pairs(state.b) do
    if at < second - KEPT_S then state.b[at] = nil end
  end
  for id, held in pairs(state.g) do
    if held[1] < now then
      count(state.b, math.floor(held[1] / 1000), held[4], held[5])
      held[4], held[5], held[6] = 0, 0, 0
      if held[1] < now - FORGET_MS then state.g[id] = nil end
    end
  end
end

-- Large slices while there is plenty; near the end what is asked for, unit by unit.
local function grant(free, least, want, unit)
  if free <= 0 then return 0 end
  local amount = math.max(least, math.min(want, math.floor(free / (4 * gateways))))
  if amount <= free then return amount end
  if free >= unit then return free end
  return 0
end

local function wait_ms(buckets, index, free, unit)
  local seconds = {}
  for at in pairs(buckets) do seconds[#seconds + 1] = at end
  table.sort(seconds)
  for _, at in ipairs(seconds) do
    free = free + buckets[at][index]
    if free >= unit then return (at + KEPT_S + 1) * 1000 - now end
  end
  return 1000
end

local function answer(key, ask)
  local raw = redis.call('GET', key)
  local state = raw and cmsgpack.unpack(raw) or {b = {}, g = {}}
  local mine = state.g[gateway] or {0, -1, -1, 0, 0, 0}
  if ask[1] <= mine[2] then return {0, 0, 0, 0, 0, 0, 0, 0} end
  tidy(state)
  if ask[2] > mine[3] then
    for _, mark in ipairs(ask[3]) do count(state.b, mark[1], mark[2], mark[3]) end
    mine[3] = ask[2]
  end
  mine[1], mine[2], mine[4], mine[5], mine[6] = now + ttl, ask[1], ask[4], ask[5], ask[6]
  state.g[gateway] = mine
  local taken = {0, 0, 0}
  for _, bucket in pairs(state.b) do
    taken[1], taken[2] = taken[1] + bucket[1], taken[2] + bucket[2]
  end
  for _, held in pairs(state.g) do
    for i = 1, 3 do taken[i] = taken[i] + held[3 + i] end
  end
  local granted, left, wait = {0, 0, 0}, {0, 0, 0}, 0
  for i = 1, 3 do
    local limit = ask[6 + i]
    if limit >= 0 then
      local unit = i == 2 and ask[16] or 1
      local free = limit - taken[i]
      granted[i] = grant(free, ask[9 + i], ask[12 + i], unit)
      left[i] = free - granted[i]
      if granted[i] < ask[9 + i] then
        local after = i == 3 and 1000 or wait_ms(state.b, i, left[i], unit)
        wait = math.max(wait, after)
      end
      mine[3 + i] = mine[3 + i] + granted[i]
    end
  end
  redis.call('SET', key, cmsgpack.pack(state), 'PX', FORGET_MS)
  return {1, granted[1], granted[2], granted[3], left[1], left[2], left[3], wait}
end

local answers = {}
for i, key in ipairs(KEYS) do answers[i] = answer(key, asks[i]) end
return cmsgpack.pack(answers)
