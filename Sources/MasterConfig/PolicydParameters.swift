//===----------------------------------------------------------------------===//
// Quartermaster: the parameters of policyd
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What policyd reads besides what every process reads. Declared here, so that a check of `master` finds a wrong value
/// before policyd does.
package enum PolicydParameters {
    // State.
    package static let stateFile = StringParameter(
        "policyd_state_file",
        default: "$data_directory/policyd.state",
        minLength: 1
    )
    package static let syncInterval = TimeParameter("policyd_sync_interval", default: "10s", min: 1, max: 86_400)
    package static let statusUpdateTime = TimeParameter("policyd_status_update_time", default: "600s", min: 1)

    // Who is let through.
    package static let clientAllowList = StringParameter("policyd_client_allow_list", default: "")
    package static let senderAllowList = StringParameter("policyd_sender_allow_list", default: "")
    package static let recipientAllowList = StringParameter("policyd_recipient_allow_list", default: "")
    package static let listCheckInterval = TimeParameter("policyd_list_check_interval", default: "5s", min: 1)

    // Greylisting. Text of an action is cut by smtpd's replies, which have 512 bytes.
    package static let greylist = BooleanParameter("policyd_greylist", default: true)
    package static let greylistDelay = TimeParameter("policyd_greylist_delay", default: "300s", min: 1)
    package static let greylistRetryWindow = TimeParameter("policyd_greylist_retry_window", default: "2d", min: 1)
    package static let greylistLifetime = TimeParameter("policyd_greylist_lifetime", default: "35d", min: 1)
    package static let greylistAutoAllow = IntegerParameter("policyd_greylist_auto_allow", default: 5, max: 65_535)
    package static let greylistIPv4Prefix = IntegerParameter(
        "policyd_greylist_ipv4_prefix",
        default: 24,
        min: 1,
        max: 32
    )
    package static let greylistIPv6Prefix = IntegerParameter(
        "policyd_greylist_ipv6_prefix",
        default: 64,
        min: 1,
        max: 128
    )
    package static let greylistAuthenticated = BooleanParameter("policyd_greylist_authenticated", default: false)
    package static let greylistAction = StringParameter(
        "policyd_greylist_action",
        default: "defer_if_permit 4.2.0 Greylisted, try again in {seconds} seconds",
        minLength: 1,
        maxLength: 400
    )
    package static let greylistTableSize = IntegerParameter(
        "policyd_greylist_table_size",
        default: 65_536,
        min: 100,
        max: 16_777_216
    )

    // Limits; 0 is none.
    package static let rateTimeUnit = TimeParameter("policyd_rate_time_unit", default: "1h", min: 1, max: 2_592_000)
    package static let clientMessageLimit = limit("policyd_client_message_limit")
    package static let clientRecipientLimit = limit("policyd_client_recipient_limit")
    package static let senderMessageLimit = limit("policyd_sender_message_limit")
    package static let senderRecipientLimit = limit("policyd_sender_recipient_limit")
    package static let userMessageLimit = limit("policyd_user_message_limit")
    package static let userRecipientLimit = limit("policyd_user_recipient_limit")
    package static let recipientMessageLimit = limit("policyd_recipient_message_limit")
    package static let rateIPv4Prefix = IntegerParameter("policyd_rate_ipv4_prefix", default: 32, min: 1, max: 32)
    package static let rateIPv6Prefix = IntegerParameter("policyd_rate_ipv6_prefix", default: 64, min: 1, max: 128)
    package static let rateAction = StringParameter(
        "policyd_rate_action",
        default: "defer_if_permit 4.7.1 Too much mail, try again in {seconds} seconds",
        minLength: 1,
        maxLength: 400
    )
    package static let rateTableSize = IntegerParameter(
        "policyd_rate_table_size",
        default: 65_536,
        min: 100,
        max: 16_777_216
    )

    private static func limit(_ name: String) -> IntegerParameter {
        IntegerParameter(name, default: 0, max: 1_000_000_000)
    }

    package static let all: [any ConfigParameter] = [
        stateFile, syncInterval, statusUpdateTime, clientAllowList, senderAllowList, recipientAllowList,
        listCheckInterval, greylist, greylistDelay, greylistRetryWindow, greylistLifetime, greylistAutoAllow,
        greylistIPv4Prefix, greylistIPv6Prefix, greylistAuthenticated, greylistAction, greylistTableSize, rateTimeUnit,
        clientMessageLimit, clientRecipientLimit, senderMessageLimit, senderRecipientLimit, userMessageLimit,
        userRecipientLimit, recipientMessageLimit, rateIPv4Prefix, rateIPv6Prefix, rateAction, rateTableSize,
    ]
}
