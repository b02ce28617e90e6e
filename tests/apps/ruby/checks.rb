# frozen_string_literal: true

# Checks that run one after the other, and the closing line `N passed, N failed`.

require 'redis'

HOST = ENV.fetch('APP_HOST', '127.0.0.1')
PORT = Integer(ENV.fetch('APP_PORT', '6379'))

# The server lacks a command.
class Skip < StandardError; end

def needs(command)
  client = Redis.new(host: HOST, port: PORT)
  raise Skip, "the server has no #{command}" if client.call('COMMAND', 'INFO', command).first.nil?
ensure
  client&.close
end

def equal(got, wanted)
  raise "got #{got.inspect}, not #{wanted.inspect}" unless got == wanted
end

# Fails unless the block raises this.
def raises(kind, words)
  yield
rescue kind => e
  raise "#{e.message.inspect} does not speak of #{words}" unless e.message.include?(words)
else
  raise "no #{kind}"
end

# Waits until the block gives something true, and returns that.
def wait_until(what, seconds = 20)
  limit = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
  until (value = yield)
    raise "did not happen within #{seconds} s: #{what}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > limit

    sleep 0.02
  end
  value
end

# Runs the checks (name => block) and returns whether none failed.
def run(checks)
  failed = skipped = 0
  checks.each do |name, check|
    began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    check.call
    puts format('ok      %s (%d ms)', name, (Process.clock_gettime(Process::CLOCK_MONOTONIC) - began) * 1000)
  rescue Skip => e
    skipped += 1
    puts "skipped #{name}: #{e.message}"
  rescue StandardError => e
    failed += 1
    puts "FAILED  #{name}: #{e.class}: #{e.message}", e.backtrace.first(5)
  end
  puts "#{checks.size - failed - skipped} passed, #{failed} failed#{", #{skipped} skipped" if skipped.positive?}"
  failed.zero?
end
