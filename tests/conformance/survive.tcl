# Added to the suite by scripts/redis-source.sh. In Redis' suite, code between two tests that fails takes with it every
# test that follows in the same block, as if they were not there. Here it is reported, and the block goes on.

# Runs the commands of a block one by one, where the caller stands.
proc each_command {code} {
    set command ""
    foreach line [split $code "\n"] {
        append command $line "\n"
        if {![info complete $command]} continue
        set status [catch {uplevel 1 $command} result]
        if {$status == 1} {
            incr ::num_failed
            set where [lindex [split [string trim $command] "\n"] 0]
            send_data_packet $::test_server_fd err "between tests: $where\n$result"
        } elseif {$status != 0} {
            return -code $status $result
        }
        set command ""
    }
}
