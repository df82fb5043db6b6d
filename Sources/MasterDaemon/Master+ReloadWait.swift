//===----------------------------------------------------------------------===//
// Quartermaster: how a reload waits, for one thing at a time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import Events
import MasterConfig
import SystemCalls

extension Master {
    /// It begins at the end of this turn, or is part of the one that is under way.
    func askForReload(_ wish: ReloadWish) {
        reloadNews.insert(.asked)
        if wantedReload == nil { wantedReload = wish } else { wantedReload?.merge(wish) }
    }

    /// What was asked for, or has begun, and has not come to its end.
    var reloadWish: ReloadWish? {
        guard var wish = reloadAttempt?.wish else { return wantedReload }
        if let wantedReload { wish.merge(wantedReload) }
        return wish
    }

    /// Takes a reload as far as it can go now; `ReloadAttempt` draws the way.
    func goOnWithReload(_ news: ReloadNews) {
        if news.contains(.asked) {
            tellManager(.reloading(microseconds: Clock.monotonicNanoseconds() / 1000))
            log.info("reload -- version \(settings.mailVersion), configuration \(settings.configDirectory)")
            let wish = wantedReload ?? ReloadWish()
            wantedReload = nil
            if let attempt = reloadAttempt {
                attempt.isAskedAgain = attempt.isLookingUp
                attempt.wish.merge(wish)
            } else {
                reloadAttempt = ReloadAttempt(wish)
            }
        }
        guard let attempt = reloadAttempt else { return }
        if attempt.isLookingUp {
            goOnWithLookup(attempt, news)
        } else if !attempt.isPostponed || news.contains(.timerFired) {
            readWhenSettled(attempt)
        }
    }

    /// A main.cf that is being edited is read when it has settled; clients are served meanwhile.
    private func readWhenSettled(_ attempt: ReloadAttempt) {
        if let pause = mainConfigPause(directory: settings.configDirectory) {
            switch attempt.postpone(now) {
            case .first:
                log.info("reload: main.cf was edited a moment ago: it is read when it has settled, or in 10 seconds")
                return armReloadTimer(milliseconds: pause)
            case .again: return armReloadTimer(milliseconds: pause)
            case .refused: break
            case .tooLong: log.warning("reload: main.cf is still being edited after 10 seconds: it is read as it is")
            }
        }
        attempt.beginReading()
        reload(attempt)
    }

    /// Asks for what the name book has no answer to.
    func lookUpNames(_ attempt: ReloadAttempt) {
        let questions = attempt.names.open
        guard attempt.readings < ReloadAttempt.longestRow else {
            return refuse([
                .cannotLookUp(questions[0].text, "the configuration names something else each time it is read")
            ])
        }
        do throws(SystemError) {
            let helper = try NameHelper.start(questions) { helpers.insert($0) }
            let watch: WatchID
            do throws(SystemError) {
                watch = try loop.watch(helper.number, for: .readable, token: MasterEvent.namesArrived.token)
            } catch {
                helper.end()
                throw error
            }
            attempt.beginLookup(helper, watch)
            armReloadTimer(milliseconds: Int64(settings.masterNameLookupTimeLimit) * 1000)
        } catch {
            refuse([.cannotLookUp(questions[0].text, error.description, isShortage: error.isShortage)])
        }
    }

    private func goOnWithLookup(_ attempt: ReloadAttempt, _ news: ReloadNews) {
        switch attempt.readAnswers() {
        case .finished:
            attempt.endLookup(&loop)
            readWhenSettled(attempt)
        case .failed(let question):
            giveUpLookup(attempt, question, "the process that asks for it has ended early")
        case .unfinished:
            guard news.contains(.timerFired), let question = attempt.pendingQuestion else { return }
            giveUpLookup(attempt, question, "no answer after \(settings.masterNameLookupTimeLimit) seconds")
        }
    }

    /// Without an answer the reload is refused, unless another was asked for: the files may be others by now.
    private func giveUpLookup(_ attempt: ReloadAttempt, _ question: NameQuestion, _ reason: String) {
        attempt.endLookup(&loop)
        guard attempt.isAskedAgain else { return refuse([.cannotLookUp(question.text, reason)]) }
        log.warning("reload: \(question.text): \(reason) -- reading the configuration again, as was asked meanwhile")
        let next = ReloadAttempt(attempt.wish)
        reloadAttempt = next
        readWhenSettled(next)
    }

    private func armReloadTimer(milliseconds: Int64) {
        let timer = reloadTimer ?? loop.makeTimer(token: MasterEvent.reloadDue.token)
        reloadTimer = timer
        loop.arm(timer, milliseconds: milliseconds)
    }

    func endAttempt() {
        reloadAttempt = nil
        if let timer = reloadTimer { loop.stop(timer) }
    }
}
