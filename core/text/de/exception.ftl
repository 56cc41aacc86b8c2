### Probleme, was dagegen zu tun ist und wer es tut. $audience ist "recipient" oder "shipper".

exception-delay = Verspätet
    .text = Das Paket kommt später an als geplant.
exception-no-update = Seit langem keine Nachricht
    .text = Seit längerer Zeit als üblich gibt es nichts Neues. Das heißt nicht, dass das Paket verloren ist.
exception-not-handed-over = Noch nicht übergeben
    .text = Dem Zustelldienst ist das Paket angekündigt. Dass er es hat, hat er noch nicht gemeldet.
exception-customs = Wartet auf den Zoll
    .text = Der Zoll behält das Paket vorerst.
exception-address = Problem mit der Adresse
    .text = Der Zustelldienst kann das Paket nicht an diese Adresse zustellen.
exception-failed-delivery = Zustellung gescheitert
    .text = Der Zustelldienst wollte das Paket zustellen und konnte es nicht.
exception-refused-or-unclaimed = Nicht angenommen oder nicht abgeholt
    .text = Das Paket wurde nicht angenommen oder noch nicht abgeholt.
exception-hold = Angehalten
    .text = Der Zustelldienst behält das Paket vorerst.
exception-damage = Beschädigt
    .text = Ein Schaden am Paket wurde gemeldet.
exception-loss = Nicht auffindbar
    .text = Der Zustelldienst findet das Paket nicht oder hat es für verloren erklärt.
exception-routing = An einen falschen Ort geschickt
    .text = Das Paket wurde an einen falschen Ort geschickt und wird von dort weitergeschickt.
exception-return = Auf dem Rückweg zum Absender
    .text = Das Paket geht zurück an den Absender.
exception-compliance = Darf nicht weiterreisen
    .text = Das Paket darf so nicht befördert oder eingeführt werden.
exception-data-quality = Widersprüchliche Meldungen
    .text = Die Meldungen über das Paket widersprechen sich. Es kann auch woanders sein.
exception-other = Problem gemeldet
    .text = Der Zustelldienst meldet ein Problem und sagt nicht, welches.
exception-missing-contents = Inhalt fehlt
    .text = Im Paket fehlt etwas.

## Was zu tun ist: wie es heißt, was es dem sagt, der es tun muss, und was es dem anderen sagt.
## $who ist einer der Zuständigen weiter unten, am Satzanfang.

action-wait = Warten
    .you = Sie müssen nichts tun.
    .other = { $who } kümmert sich darum. Sie müssen nichts tun.
action-provide-information = Angaben machen
    .you = Bitte geben Sie dem Zustelldienst die Unterlagen oder Angaben, die fehlen.
    .other = { $who } muss Unterlagen oder Angaben nachreichen.
action-pay-charges = Offenen Betrag bezahlen
    .you = Bitte bezahlen Sie den offenen Betrag, und zwar nur auf der Seite oder am Schalter des Zustelldienstes.
    .other = { $who } muss den offenen Betrag bezahlen.
action-correct-address = Adresse berichtigen
    .you = Bitte geben Sie dem Zustelldienst die richtige und vollständige Adresse.
    .other = { $who } muss die Adresse berichtigen.
action-arrange-redelivery = Neue Zustellung vereinbaren
    .you = Bitte vereinbaren Sie mit dem Zustelldienst einen neuen Tag oder Ort der Zustellung.
    .other = { $who } muss einen neuen Tag oder Ort der Zustellung vereinbaren.
action-collect = Paket abholen
    .you = Bitte holen Sie das Paket ab und bringen Sie einen Ausweis mit.
    .other = { $who } muss das Paket abholen.
action-contact-carrier = Beim Zustelldienst nachfragen
    .you = Bitte fragen Sie den Zustelldienst, wo das Paket ist.
    .other = { $who } kann den Zustelldienst fragen, wo das Paket ist.
action-hand-over = Paket übergeben
    .you = Bitte übergeben Sie das Paket dem Zustelldienst. Falls das geschehen ist, fragen Sie dort nach, wo es ist.
    .other = { $who } muss das Paket übergeben oder den Zustelldienst fragen, wo es ist.
action-file-claim = Schadenersatz verlangen
    .you = Bitte verlangen Sie Schadenersatz vom Zustelldienst.
    .other = { $who } kann Schadenersatz vom Zustelldienst verlangen.
action-reship-or-refund = Ersetzen oder erstatten
    .you = Bitte einigen Sie sich mit dem Empfänger auf Ersatz oder Erstattung.
    .other = { $who } entscheidet über Ersatz oder Erstattung.
action-review-data = Meldungen prüfen
    .you = Bitte prüfen Sie die Meldungen.
    .other = { $who } prüft die Meldungen. Sie müssen nichts tun.
action-change-to-pickup-point = Abholstelle wählen
    .you = Bitte lassen Sie das Paket an eine Abholstelle schicken.
    .other = { $who } kann das Paket an eine Abholstelle schicken lassen.
action-return-or-dispose = Über die Rücksendung entscheiden
    .you = Bitte sagen Sie dem Zustelldienst, ob er das Paket zurückschicken oder entsorgen soll.
    .other = { $who } entscheidet, ob das Paket zurückgeht.
action-open-investigation = Suchen lassen
    .you = Bitte lassen Sie den Zustelldienst nach dem Paket suchen.
    .other = { $who } sucht nach dem Paket.
action-collect-evidence = Beweise sichern
    .you = { $audience ->
        [recipient] Bitte heben Sie die Verpackung auf und machen Sie Fotos.
       *[shipper] Bitte sagen Sie dem Empfänger, dass er die Verpackung aufheben und Fotos machen soll.
    }
    .other = { $audience ->
        [recipient] Bitte heben Sie die Verpackung auf, machen Sie Fotos und sagen Sie es dem Absender.
       *[shipper] { $who } geht der Sache nach. Bitte heben Sie Ihre Unterlagen zu dem Paket auf.
    }

owner-nobody = Niemand
owner-recipient = Der Empfänger
owner-shipper = Der Absender
owner-carrier = Der Zustelldienst
owner-authority = Der Zoll
owner-operator = Die Sendungsverfolgung
# Der andere muss handeln: was der Leser dazu tun kann.
tell-shipper = Sie können den Absender danach fragen.
tell-recipient = Bitte sagen Sie es dem Empfänger.
