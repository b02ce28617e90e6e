# frozen_string_literal: true

# Sidekiq with its worker as a process: queues, schedules, retries, the dead, and a worker that is shut down.

require_relative 'sidekiq_jobs'
require 'sidekiq/api'

$workers = []

def start_worker
  file = File.join(__dir__, 'sidekiq_jobs.rb')
  $workers << Process.spawn('sidekiq', '-r', file, '-c', '4', '-t', '1', '-q', 'urgent,10', '-q', 'default', in: File::NULL)
end

def stop_worker
  worker = $workers.pop
  Process.kill('TERM', worker)
  wait_until('the worker ends') { Process.wait(worker, Process::WNOHANG) }
end

def notes(key)
  EFFECTS.lrange(key, 0, -1).map { |text| Sidekiq.load_json(text) }
end

checks = {
  'jobs wait in their queues' => lambda {
    Sidekiq::Client.push_bulk('class' => Note, 'args' => (0...1000).map { |number| ['bulk', number] })
    Urgent.perform_async('urgent', 'ünïcode ☃', { 'deep' => [1, nil, 2.5] })
    equal(Sidekiq::Queue.new.size, 1000)
    equal(Sidekiq::Queue.all.map(&:name).sort, %w[default urgent])
    equal(Sidekiq::Queue.new('urgent').first.args, ['urgent', 'ünïcode ☃', { 'deep' => [1, nil, 2.5] }])
  },

  'a worker runs each of them once' => lambda {
    start_worker
    wait_until('a thousand notes') { EFFECTS.llen('bulk') == 1000 }
    equal(notes('bulk').flatten.sort, (0...1000).to_a)
    equal(notes('urgent'), [['ünïcode ☃', { 'deep' => [1, nil, 2.5] }]])
    wait_until('the count') { Sidekiq::Stats.new.processed == 1001 }
    equal(Sidekiq::Stats.new.enqueued, 0)
  },

  'the worker is known, with its threads' => lambda {
    process = Sidekiq::ProcessSet.new.first
    equal([process['concurrency'], process['queues'].sort], [4, %w[default urgent]])
  },

  'jobs at a time' => lambda {
    needs('EVALSHA')
    began = Time.now.to_f
    Note.perform_in(1, 'later', 'x')
    Note.perform_in(3600, 'never', 'x')
    wait_until('the note', 40) { notes('later') == [['x']] }
    raise 'too early' if Time.now.to_f < began + 1

    equal(Sidekiq::ScheduledSet.new.size, 1)
    Sidekiq::ScheduledSet.new.first.add_to_queue
    wait_until('the other note') { notes('never') == [['x']] }
  },

  'a job that fails is tried again' => lambda {
    Stubborn.perform_async('tries', 3)
    2.times do
      again = wait_until('a retry') { Sidekiq::RetrySet.new.first }
      equal(again['error_message'], 'not yet')
      raise "at #{again.at}" unless again.at > Time.now

      again.retry
    end
    wait_until('three tries') { EFFECTS.get('tries') == '3' }
    equal(Sidekiq::RetrySet.new.size, 0)
  },

  'a job that fails for good is among the dead' => lambda {
    Hopeless.perform_async
    wait_until('the dead') { Sidekiq::DeadSet.new.size == 1 }
    dead = Sidekiq::DeadSet.new.first
    equal([dead.klass, dead['error_message']], %w[Hopeless never])
    dead.delete
    equal(Sidekiq::DeadSet.new.size, 0)
  },

  'what a worker cannot end before its shutdown goes back' => lambda {
    names = (0...6).map { |number| "job #{number}" }
    names.each { |name| Slow.perform_async(name, 3) }
    wait_until('four have begun') { EFFECTS.hlen('begun') >= 4 }
    stop_worker
    equal(Sidekiq::Queue.new.size, 6)
    start_worker
    wait_until('all have ended', 30) { (names - EFFECTS.hkeys('ended')).empty? }
    equal(EFFECTS.hmget('ended', *names), ['1'] * 6)
  },

  'the worker is gone after its end' => lambda {
    stop_worker
    equal(Sidekiq::ProcessSet.new.size, 0)
  }
}

begin
  exit(run(checks))
ensure
  $workers.each { |worker| Process.kill('KILL', worker) }
end
