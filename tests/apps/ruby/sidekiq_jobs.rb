# frozen_string_literal: true

# The jobs of the Sidekiq program, and how both sides reach the server.

require 'sidekiq'
require_relative 'checks'

$stdout.sync = true
Redis.silence_deprecations = true
ADDRESS = { url: "redis://#{HOST}:#{PORT}/9" }.freeze
EFFECTS = Redis.new(host: HOST, port: PORT, db: 10)

Sidekiq.configure_client { |config| config.redis = ADDRESS }
Sidekiq.configure_server do |config|
  config.redis = ADDRESS
  config.average_scheduled_poll_interval = 1
  config.logger.level = Logger::FATAL
end

# Notes its arguments.
class Note
  include Sidekiq::Worker

  def perform(key, *values)
    EFFECTS.rpush(key, Sidekiq.dump_json(values))
  end
end

# The same on a queue that goes before others.
class Urgent < Note
  sidekiq_options queue: 'urgent'
end

# Fails until it has been tried so often. By itself, Sidekiq would try again after 15 seconds or more.
class Stubborn
  include Sidekiq::Worker
  sidekiq_options retry: 5

  def perform(key, tries)
    raise ArgumentError, 'not yet' if EFFECTS.incr(key) < tries
  end
end

# Fails for good, at once.
class Hopeless
  include Sidekiq::Worker
  sidekiq_options retry: 0

  def perform
    raise ArgumentError, 'never'
  end
end

# Takes a while.
class Slow
  include Sidekiq::Worker

  def perform(name, seconds)
    EFFECTS.hincrby('begun', name, 1)
    sleep seconds
    EFFECTS.hincrby('ended', name, 1)
  end
end
