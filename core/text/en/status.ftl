### Where a parcel is: statuses, phases of unknown codes, milestones, and the sentences around them.
###
### Messages are chosen by the record, and a text is put together from whole sentences.
### $audience is "recipient" or "shipper".

status-pending = No news yet
    .text = No carrier has reported anything about the parcel yet.
    .next = { $audience ->
        [recipient] You do not have to do anything. Please look again later.
       *[shipper] Please check the number if there is still no news in a few days.
    }
status-info-received = Announced to the carrier
    .text = The carrier knows about the parcel and does not have it yet.
    .next = { $audience ->
        [recipient] You do not have to do anything.
       *[shipper] Please hand the parcel over if you have not done so.
    }
status-in-transit = On the way
    .text = { $audience ->
        [recipient] The parcel is on its way to you.
       *[shipper] The parcel is on its way to the recipient.
    }
    .next = You do not have to do anything.
status-out-for-delivery = Out for delivery
    .text = The parcel is in the delivery vehicle.
    .next = { $audience ->
        [recipient] Please see to it that somebody can take it.
       *[shipper] You do not have to do anything.
    }
status-delivery-attempted = Delivery failed
    .text = The carrier could not deliver the parcel.
    .next = { $audience ->
        [recipient] Please look for a notice of the carrier. It says what you can do.
       *[shipper] The recipient has to agree on a new delivery with the carrier.
    }
status-available-for-pickup = Ready to collect
    .text = { $audience ->
        [recipient] You can collect the parcel.
       *[shipper] The recipient can collect the parcel.
    }
    .next = { $audience ->
        [recipient] Please collect it in time and bring an identity document.
       *[shipper] You do not have to do anything.
    }
status-delivered = Delivered
    .text = The parcel has been delivered.
    .next = { $audience ->
        [recipient] If you do not have it, please ask at home and next door, then tell the sender.
       *[shipper] You do not have to do anything.
    }
status-returning = Going back to the sender
    .text = The parcel is going back to the sender.
    .next = { $audience ->
        [recipient] Please ask the sender about a replacement or your money.
       *[shipper] Please agree with the recipient on a replacement or a refund.
    }
status-returned = Back with the sender
    .text = The sender has the parcel again.
    .next = { $audience ->
        [recipient] Please ask the sender about a replacement or your money.
       *[shipper] Please agree with the recipient on a replacement or a refund.
    }
status-cancelled = Cancelled
    .text = The shipment was cancelled before it began.
    .next = { $audience ->
        [recipient] Please ask the sender if you still expect the parcel.
       *[shipper] You do not have to do anything.
    }
status-failed = Will not arrive
    .text = The parcel will not arrive. It was lost, destroyed or taken away by an authority.
    .next = { $audience ->
        [recipient] Please ask the sender about a replacement or your money.
       *[shipper] Please claim compensation and agree with the recipient on a replacement or a refund.
    }

## What a code of a later version is about: the first digit of its number.

phase-1 = Before the journey
    .text = There is news from before the carrier received the parcel.
phase-2 = At the start
    .text = There is news from the place where the parcel set out.
phase-3 = On the way
    .text = There is news from the journey of the parcel.
phase-4 = At customs
    .text = There is news from customs about the parcel.
phase-5 = Near its destination
    .text = There is news from the area of delivery.
phase-6 = Delivery
    .text = There is news about the delivery of the parcel.
phase-7 = Return
    .text = There is news about the return of the parcel.
phase-8 = Problem
    .text = There is news about a problem with the parcel.
phase-9 = Note
    .text = There is a note about the parcel.

## Steps of the journey.

milestone-info-received = Announced to the carrier
milestone-picked-up = With the carrier
milestone-in-transit = On the way
milestone-at-facility = At a depot
milestone-departed-origin = Left the country of origin
milestone-arrived-destination = Arrived in the destination country
milestone-customs-cleared = Released by customs
milestone-out-for-delivery = Out for delivery
milestone-available-for-pickup = Ready to collect
milestone-delivered = Delivered
milestone-returning = Return started
milestone-returned = Back with the sender

## Sentences around them.

# What stands between two sentences.
between = { " " }
because = Reason: { $reason }.
last-seen = Last reported: { $place }, { $date }.
last-place = Last reported: { $place }.
last-time = Last reported: { $date }.
place = { $city }, { $country }
next = Next: { $milestone }.
announced = Delivery is announced for { $date }.
announced-between = Delivery is announced for { $start } to { $end }.
forecast = We expect delivery on { $date }. This is our own estimate from { $count } parcels on this route; the carrier has not said it.
forecast-between = We expect delivery between { $start } and { $end }. This is our own estimate from { $count } parcels on this route; the carrier has not said it.
silence-sea = It is on a ship. No news is expected before about { $date }; that is normal.
silence-air = It is between two countries. No news is expected before about { $date }; that is normal.
silence-lane = On this route it is out of sight for a while. No news is expected before about { $date }; that is normal.
silence-peak = It is the busy season. No news is expected before about { $date }; that is normal.
collect-by = Last day to collect it: { $date }.
deadline = Deadline: { $date }.
carrier-name = Carrier: { $carrier }.
resolved = This has been resolved.
# A day whose time zone nobody knows.
in-utc = { $date } (UTC)
date = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year }
