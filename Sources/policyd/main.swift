//===----------------------------------------------------------------------===//
// Quartermaster: policyd, what to do with a message, for every smtpd of a mail system
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

StreamServer<Policyd>.main()
