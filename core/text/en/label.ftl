### Words in the output of the command line.

label-number = Number
label-carrier = Carrier
label-status = Status
label-what = What happened
label-next = What to do
label-progress = Progress
label-step = step { $step } of { $of }
label-milestone = Next step
label-problem = Problem
label-also = Also possible
label-page = Page
label-event = Event
label-time-zone-unknown = time zone unknown
label-disputed = doubtful
label-retracted = withdrawn
label-unknown = No source knows this number (yet).
label-acknowledged = Seen
label-assignee = Assigned to
label-resolved = Closed by hand
label-note = Note
label-promised = Promised by the carrier
label-expected = Now expected
