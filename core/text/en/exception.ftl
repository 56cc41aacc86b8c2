### Problems, what to do about them, and who does it. $audience is "recipient" or "shipper".

exception-delay = Delayed
    .text = The parcel will arrive later than planned.
exception-no-update = No news for a long time
    .text = There has been no news for longer than usual. That does not mean that the parcel is lost.
exception-not-handed-over = Not handed over yet
    .text = The carrier was told about the parcel and has not reported having it.
exception-customs = Waiting for customs
    .text = Customs is keeping the parcel for now.
exception-address = Problem with the address
    .text = The carrier cannot deliver the parcel to this address.
exception-failed-delivery = Delivery failed
    .text = The carrier tried to deliver the parcel and could not.
exception-refused-or-unclaimed = Not accepted or not collected
    .text = The parcel was not accepted, or it has not been collected.
exception-hold = On hold
    .text = The carrier is keeping the parcel for now.
exception-damage = Damaged
    .text = Damage to the parcel has been reported.
exception-loss = Cannot be found
    .text = The carrier cannot find the parcel, or has declared it lost.
exception-routing = Sent to a wrong place
    .text = The parcel was sent to a wrong place and will be sent on from there.
exception-return = Going back to the sender
    .text = The parcel is going back to the sender.
exception-compliance = Not allowed to travel on
    .text = The parcel may not be carried or imported as it is.
exception-data-quality = Contradictory reports
    .text = The reports about the parcel contradict each other. It may be somewhere else.
exception-other = Problem reported
    .text = The carrier reports a problem and does not say which.
exception-missing-contents = Contents missing
    .text = Something is missing from the parcel.

## What to do: its name, what it says to whoever has to do it, and what it says to the other.
## $who is one of the owners below, at the beginning of a sentence.

action-wait = Wait
    .you = You do not have to do anything.
    .other = { $who } is dealing with it. You do not have to do anything.
action-provide-information = Provide information
    .you = Please give the carrier the papers or details that are missing.
    .other = { $who } has to provide papers or details.
action-pay-charges = Pay what is due
    .you = Please pay what is due. Use only the carrier’s own page or office for it.
    .other = { $who } has to pay what is due.
action-correct-address = Correct the address
    .you = Please give the carrier the right and complete address.
    .other = { $who } has to correct the address.
action-arrange-redelivery = Agree on a new delivery
    .you = Please choose a new day or place of delivery with the carrier.
    .other = { $who } has to choose a new day or place of delivery.
action-collect = Collect the parcel
    .you = Please collect the parcel and bring an identity document.
    .other = { $who } has to collect the parcel.
action-contact-carrier = Ask the carrier
    .you = Please ask the carrier where the parcel is.
    .other = { $who } can ask the carrier where the parcel is.
action-hand-over = Hand the parcel over
    .you = Please hand the parcel to the carrier. If you have done so, ask the carrier where it is.
    .other = { $who } has to hand the parcel over, or to ask the carrier where it is.
action-file-claim = Claim compensation
    .you = Please claim compensation from the carrier.
    .other = { $who } can claim compensation from the carrier.
action-reship-or-refund = Replace or refund
    .you = Please agree with the recipient on a replacement or a refund.
    .other = { $who } decides about a replacement or a refund.
action-review-data = Check the reports
    .you = Please check the reports.
    .other = { $who } is checking the reports. You do not have to do anything.
action-change-to-pickup-point = Choose a pickup point
    .you = Please have the parcel sent to a pickup point.
    .other = { $who } can have the parcel sent to a pickup point.
action-return-or-dispose = Decide about a return
    .you = Please tell the carrier whether to return the parcel or to dispose of it.
    .other = { $who } decides whether the parcel goes back.
action-open-investigation = Have it searched for
    .you = Please have the carrier search for the parcel.
    .other = { $who } is searching for the parcel.
action-collect-evidence = Secure the evidence
    .you = { $audience ->
        [recipient] Please keep the packaging and take photographs.
       *[shipper] Please ask the recipient to keep the packaging and to take photographs.
    }
    .other = { $audience ->
        [recipient] Please keep the packaging, take photographs and tell the sender.
       *[shipper] { $who } is looking into it. Please keep your records of the parcel.
    }

owner-nobody = Nobody
owner-recipient = The recipient
owner-shipper = The sender
owner-carrier = The carrier
owner-authority = Customs
owner-operator = The tracking service
# The other party has to act: what the reader can do about it.
tell-shipper = You can ask the sender about it.
tell-recipient = Please let the recipient know.
