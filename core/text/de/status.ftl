### Wo ein Paket ist: Zustände, Abschnitte unbekannter Codes, Stationen und die Sätze darum herum.
### $audience ist "recipient" (Empfänger) oder "shipper" (Absender).

status-pending = Noch keine Nachricht
    .text = Noch hat kein Zustelldienst etwas über das Paket gemeldet.
    .next = { $audience ->
        [recipient] Sie müssen nichts tun. Bitte sehen Sie später noch einmal nach.
       *[shipper] Bitte prüfen Sie die Nummer, wenn es in einigen Tagen noch keine Nachricht gibt.
    }
status-info-received = Dem Zustelldienst angekündigt
    .text = Der Zustelldienst weiß von dem Paket und hat es noch nicht.
    .next = { $audience ->
        [recipient] Sie müssen nichts tun.
       *[shipper] Bitte übergeben Sie das Paket, falls noch nicht geschehen.
    }
status-in-transit = Unterwegs
    .text = { $audience ->
        [recipient] Das Paket ist auf dem Weg zu Ihnen.
       *[shipper] Das Paket ist auf dem Weg zum Empfänger.
    }
    .next = Sie müssen nichts tun.
status-out-for-delivery = In Zustellung
    .text = Das Paket ist im Zustellfahrzeug.
    .next = { $audience ->
        [recipient] Bitte sorgen Sie dafür, dass jemand es annehmen kann.
       *[shipper] Sie müssen nichts tun.
    }
status-delivery-attempted = Zustellung gescheitert
    .text = Der Zustelldienst konnte das Paket nicht zustellen.
    .next = { $audience ->
        [recipient] Bitte suchen Sie nach einer Benachrichtigung des Zustelldienstes. Darin steht, was Sie tun können.
       *[shipper] Der Empfänger muss mit dem Zustelldienst eine neue Zustellung vereinbaren.
    }
status-available-for-pickup = Zur Abholung bereit
    .text = { $audience ->
        [recipient] Sie können das Paket abholen.
       *[shipper] Der Empfänger kann das Paket abholen.
    }
    .next = { $audience ->
        [recipient] Bitte holen Sie es rechtzeitig ab und bringen Sie einen Ausweis mit.
       *[shipper] Sie müssen nichts tun.
    }
status-delivered = Zugestellt
    .text = Das Paket wurde zugestellt.
    .next = { $audience ->
        [recipient] Falls Sie es nicht haben, fragen Sie bitte im Haus und bei den Nachbarn, dann den Absender.
       *[shipper] Sie müssen nichts tun.
    }
status-returning = Auf dem Rückweg zum Absender
    .text = Das Paket geht zurück an den Absender.
    .next = { $audience ->
        [recipient] Bitte fragen Sie den Absender nach Ersatz oder Ihrem Geld.
       *[shipper] Bitte einigen Sie sich mit dem Empfänger auf Ersatz oder Erstattung.
    }
status-returned = Wieder beim Absender
    .text = Der Absender hat das Paket wieder.
    .next = { $audience ->
        [recipient] Bitte fragen Sie den Absender nach Ersatz oder Ihrem Geld.
       *[shipper] Bitte einigen Sie sich mit dem Empfänger auf Ersatz oder Erstattung.
    }
status-cancelled = Storniert
    .text = Die Sendung wurde storniert, bevor sie begann.
    .next = { $audience ->
        [recipient] Bitte fragen Sie den Absender, falls Sie das Paket noch erwarten.
       *[shipper] Sie müssen nichts tun.
    }
status-failed = Kommt nicht an
    .text = Das Paket kommt nicht an. Es ging verloren, wurde vernichtet oder von einer Behörde eingezogen.
    .next = { $audience ->
        [recipient] Bitte fragen Sie den Absender nach Ersatz oder Ihrem Geld.
       *[shipper] Bitte verlangen Sie Schadenersatz und einigen Sie sich mit dem Empfänger auf Ersatz oder Erstattung.
    }

## Wovon der Code einer späteren Version handelt: die erste Ziffer seiner Nummer.

phase-1 = Vor der Reise
    .text = Es gibt Neues aus der Zeit, bevor der Zustelldienst das Paket erhielt.
phase-2 = Am Anfang
    .text = Es gibt Neues von dem Ort, an dem das Paket aufgebrochen ist.
phase-3 = Unterwegs
    .text = Es gibt Neues von der Reise des Pakets.
phase-4 = Beim Zoll
    .text = Es gibt Neues vom Zoll zu dem Paket.
phase-5 = Nahe am Ziel
    .text = Es gibt Neues aus der Gegend der Zustellung.
phase-6 = Zustellung
    .text = Es gibt Neues zur Zustellung des Pakets.
phase-7 = Rücksendung
    .text = Es gibt Neues zur Rücksendung des Pakets.
phase-8 = Problem
    .text = Es gibt Neues zu einem Problem mit dem Paket.
phase-9 = Notiz
    .text = Es gibt eine Notiz zu dem Paket.

## Stationen der Reise.

milestone-info-received = Dem Zustelldienst angekündigt
milestone-picked-up = Beim Zustelldienst
milestone-in-transit = Unterwegs
milestone-at-facility = In einem Depot
milestone-departed-origin = Absendeland verlassen
milestone-arrived-destination = Im Zielland eingetroffen
milestone-customs-cleared = Vom Zoll freigegeben
milestone-out-for-delivery = In Zustellung
milestone-available-for-pickup = Zur Abholung bereit
milestone-delivered = Zugestellt
milestone-returning = Rücksendung begonnen
milestone-returned = Wieder beim Absender

## Sätze darum herum.

# Was zwischen zwei Sätzen steht.
between = { " " }
because = Grund: { $reason }.
last-seen = Zuletzt gemeldet: { $place }, { $date }.
last-place = Zuletzt gemeldet: { $place }.
last-time = Zuletzt gemeldet: { $date }.
place = { $city }, { $country }
next = Als Nächstes: { $milestone }.
announced = Die Zustellung ist für den { $date } angekündigt.
announced-between = Die Zustellung ist für den { $start } bis { $end } angekündigt.
forecast = Wir rechnen am { $date } mit der Zustellung. Das schätzen wir selbst aus { $count } Sendungen auf diesem Weg; der Zustelldienst hat es nicht gesagt.
forecast-between = Wir rechnen zwischen dem { $start } und dem { $end } mit der Zustellung. Das schätzen wir selbst aus { $count } Sendungen auf diesem Weg; der Zustelldienst hat es nicht gesagt.
silence-sea = Die Sendung ist mit dem Schiff unterwegs. Bis etwa { $date } ist keine neue Meldung zu erwarten; das ist normal.
silence-air = Die Sendung ist zwischen zwei Ländern unterwegs. Bis etwa { $date } ist keine neue Meldung zu erwarten; das ist normal.
silence-lane = Auf diesem Weg wird die Sendung eine Weile nicht erfasst. Bis etwa { $date } ist keine neue Meldung zu erwarten; das ist normal.
silence-peak = Es ist Hochsaison. Bis etwa { $date } ist keine neue Meldung zu erwarten; das ist normal.
collect-by = Letzter Tag zum Abholen: { $date }.
deadline = Frist: { $date }.
carrier-name = Zustelldienst: { $carrier }.
resolved = Das ist erledigt.
# Ein Tag, dessen Zeitzone niemand kennt.
in-utc = { $date } (UTC)
date = { $day }. { $month ->
    [1] Januar
    [2] Februar
    [3] März
    [4] April
    [5] Mai
    [6] Juni
    [7] Juli
    [8] August
    [9] September
    [10] Oktober
    [11] November
   *[12] Dezember
} { $year }
