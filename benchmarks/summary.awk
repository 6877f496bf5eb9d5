# raw.csv of compare.sh to summary.md: medians over the rounds, the start (one line) taken off.
BEGIN {
    FS = ","
    goal["nginx"] = 30; goal["ssh"] = goal["siege"] = 25
    floor["nginx"] = 47000; floor["ssh"] = 112000; floor["nginx-hub"] = 23500; floor["ssh-hub"] = 56000
}
NR == 1 { next }
{
    key = $1 SUBSEP $2 SUBSEP $3 SUBSEP ($5 == 1 ? "start" : $5)
    seen = ++count[key]
    cpu[key, seen] = $6 + $7
    wall[key, seen] = $8
    if ($9 > peak[key]) peak[key] = $9
    if ($5 > 1) {
        run = $1 SUBSEP $2 SUBSEP $3 SUBSEP $5
        if (!(run in known)) { known[run] = 1; order[++runs] = run }
    }
}
function median(of, key, n,   i, j, held, sorted) {
    for (i = 1; i <= n; i++) sorted[i] = of[key, i]
    for (i = 2; i <= n; i++) {
        held = sorted[i]
        for (j = i - 1; j > 0 && sorted[j] > held; j--) sorted[j + 1] = sorted[j]
        sorted[j + 1] = held
    }
    return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}
function comma(number,   text, out) {
    text = sprintf("%d", number)
    while (length(text) > 3) { out = "," substr(text, length(text) - 2) out; text = substr(text, 1, length(text) - 3) }
    return text out
}
END {
    printf "# %s, %s\n\n", date, host
    print "| case | engine | workers | lines | CPU-s | start, CPU-s | lines per CPU-s | lines per s | peak MiB |"
    print "|-|-|-|-|-|-|-|-|-|"
    for (i = 1; i <= runs; i++) {
        split(order[i], part, SUBSEP)
        key = order[i]; first = part[1] SUBSEP part[2] SUBSEP part[3] SUBSEP "start"
        start = count[first] ? median(cpu, first, count[first]) : 0
        spent = median(cpu, key, count[key])
        elapsed = median(wall, key, count[key])
        net = spent - start > 0.01 ? spent - start : 0.01
        rate = part[4] / net
        printf "| %s | %s | %d | %s | %.2f | %.2f | %s | %s | %d |\n", part[1], part[2], part[3],
            comma(part[4]), spent, start, comma(rate), comma(part[4] / (elapsed > 0 ? elapsed : 0.01)), peak[key] / 1024
        if (part[1] == "buckets") { live[++sizes] = part[4]; bytes[sizes] = peak[key] * 1024 }
        else if (part[2] == "spillway" && part[1] != "memory") {
            if (part[1] == "workers") pace[part[3]] = elapsed
            else { ours[part[1]] = rate; names[++cases] = part[1] }
        } else theirs[part[1]] = rate
    }
    print ""
    for (i = 1; i <= cases; i++) {
        name = names[i]
        printf "* %s: %s lines per CPU-second", name, comma(ours[name])
        if (name in floor) printf " (wanted %s)", comma(floor[name])
        if (name in theirs) printf ", **%.1f times** the reference%s", ours[name] / theirs[name], (name in goal) ? " (wanted " goal[name] ")" : ""
        print "."
    }
    if (sizes == 2) printf "* a live bucket with one event: %.0f bytes (wanted 250).\n", (bytes[2] - bytes[1]) / (live[2] - live[1])
    if (pace[1] && pace[2]) printf "* two workers: %.2f times as fast as one (wanted 1.7).\n", pace[1] / pace[2]
}
