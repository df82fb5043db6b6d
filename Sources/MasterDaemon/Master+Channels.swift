//===----------------------------------------------------------------------===//
// Quartermaster: the channels on which children report, one or two of each service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import MasterPolicy
import MasterProtocol
import StatusPage
import SystemCalls

// A service has one channel, and two while its processes are being retired: the former one, of the processes that are
// to leave, and the present one. A channel is read a last time before it is closed.
//
// A child can put a channel to its end, with shutdown(2). Only `readReports(of:)` does something about it; wherever a
// channel is about to be closed, it means nothing.
extension Master {
    // MARK: reading

    /// Reads what the children of a service have said; returns how many reports that were.
    @discardableResult
    func readReports(of id: ServiceID) -> Int {
        guard let service = service(id) else { return 0 }
        let read = readChannels(service)
        if read.isAtEnd {
            service.say(.endOfFile, log, now) {
                let (name, canonical) = service.plan.shown
                return "service \(name)(\(canonical)): end of file on the status channel -- opening a new one"
            }
            policy.processesAreOutdated(id, now: now)
        }
        return read.reports
    }

    /// Both channels, the former one first, as its reports are the older ones.
    @discardableResult
    private func readChannels(_ service: RunningService) -> (reports: Int, isAtEnd: Bool) {
        var total = (reports: 0, isAtEnd: false)
        for channel in [service.formerChannel?.readerNumber, service.channel?.readerNumber] {
            guard let channel else { continue }
            let read = statusReader.read(channel, of: service.id, into: &policy, now: now)
            for trouble in read.troubles { report(trouble, service) }
            total.reports += read.reports
            if read.isAtEnd { total.isAtEnd = true }
        }
        return total
    }

    private func report(_ trouble: StatusReader.Trouble, _ service: RunningService) {
        switch trouble {
        case .readFailed(let error):
            service.say(.readFailure, log, now) { "master_status_event: read: \(error.reason)" }
        case .garbage(let count, let pid):
            service.say(.garbage, log, now) {
                let (name, canonical) = service.plan.shown
                return
                    "service \(name)(\(canonical)): child (pid \(pid ?? 0)) sent partial status update (\(count) bytes)"
            }
        }
    }

    // MARK: one channel

    /// Listens to the channel, after opening one where there is none: a new service comes with its own, made before
    /// anything else was changed.
    func openChannel(_ service: RunningService) {
        do throws(SystemError) {
            if service.channel == nil { service.channel = try StatusChannel() }
            guard service.channelWatch == nil, let reader = service.channel?.readerNumber else { return }
            let token = MasterEvent.reportsArrived.token(service.id)
            service.channelWatch = try loop.watch(reader, for: .readable, token: token)
        } catch {
            service.say(.shortage, log, now) {
                "service \(service.name): no status channel: \(error) -- no process can be started; trying again"
            }
            publish(.shortage, service.id)
            policy.channelFailed(service.id, now: now)
        }
    }

    /// All of the service's channels: its children leave.
    func closeChannels(_ service: RunningService) {
        for watch in [service.formerWatch, service.channelWatch] { if let watch { loop.remove(watch) } }
        (service.formerWatch, service.channelWatch) = (nil, nil)
        service.formerChannel = nil
        service.channel = nil
    }

    /// The old channel is closed first: its numbers are what the new one gets, even when there are no others left.
    func replaceChannel(_ service: RunningService) {
        readChannels(service)
        closeChannels(service)
        openChannel(service)
    }

    // MARK: a second channel

    /// The present channel goes on as the former one. While its reports gather (`Master+Pacing.swift`), it stays on the
    /// list of those that rest, and its watch starts again with the other one.
    func addStatusChannel(_ id: ServiceID) {
        guard let service = service(id) else { return }
        do throws(SystemError) {
            let fresh = try StatusChannel()
            let token = MasterEvent.reportsArrived.token(id)
            let watch = try loop.watch(fresh.readerNumber, for: .readable, token: token)
            service.formerWatch = service.channelWatch
            service.formerChannel = service.channel.take()
            service.channel = consume fresh
            service.channelWatch = watch
            policy.channelAdded(id, now: now)
        } catch {
            service.say(.shortage, log, now) {
                "service \(service.name): no second status channel: \(error.description) -- its processes stay"
            }
            policy.channelNotAdded(id)
        }
    }

    /// The former channel is the only one again. What was said on either counts first.
    func withdrawStatusChannel(_ service: RunningService) {
        guard service.formerChannel != nil else { return }
        readChannels(service)
        if let watch = service.channelWatch { loop.remove(watch) }
        service.channelWatch = service.formerWatch
        service.formerWatch = nil
        service.channel = service.formerChannel.take()
        openChannel(service)
    }

    /// What was said on it counts first.
    func closeFormerChannel(_ service: RunningService) {
        guard service.formerChannel != nil else { return }
        readChannels(service)
        if let watch = service.formerWatch { loop.remove(watch) }
        service.formerWatch = nil
        service.formerChannel = nil
    }
}
