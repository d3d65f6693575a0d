# LuaJIT: traces compiled while the program runs, side exits, the FFI's callbacks, allocation sinking.
luajit - <<'END'
local ffi, bit = require "ffi", require "bit"
print(jit.status())
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(27))
local sum = 0
for i = 1, 3e6 do sum = bit.bxor(bit.rol(sum, 3), i) end
print(sum)
local x = 0.0
for i = 1, 1e6 do x = x + math.sin(i) * math.sqrt(i) % 7 end
print(string.format("%.10g", x))
ffi.cdef [[ typedef struct { int32_t a; double b; } pair; void qsort(void *, size_t, size_t, int (*)(const int *, const int *)); ]]
local pairs_ = ffi.new("pair[1000]")
for round = 1, 200 do for i = 0, 999 do pairs_[i].a = pairs_[i].a + i * round; pairs_[i].b = pairs_[i].a / 3 end end
print(pairs_[999].a, pairs_[999].b)
local v = ffi.new("int[500]")
for i = 0, 499 do v[i] = bit.band(i * 1103515245 + 12345, 0xffff) end
local callback = ffi.cast("int (*)(const int *, const int *)", function(a, b) return a[0] - b[0] end)
ffi.C.qsort(v, 500, 4, callback)
print(v[0], v[250], v[499])
local t = {}
for i = 1, 200000 do t["k" .. i % 1000] = (t["k" .. i % 1000] or 0) + i end
print(t.k0, t.k999)
local co = coroutine.wrap(function() for i = 1, 100000 do coroutine.yield(i) end return 0 end)
local total = 0
for i = 1, 100000 do total = total + co() end
print(total)
-- many functions, each compiled anew
local n = 0
for i = 1, 300 do n = n + loadstring("local s = 0 for i = 1, 200 do s = s + i * " .. i .. " end return s")() end
print(n)
print(pcall(function() local s = 0 for i = 1, 1000 do s = s + i if i == 900 then error("late") end end end))
print(#string.rep("abc", 1000):gsub("b", "xx"))
END
