### Wörter in der Ausgabe der Befehlszeile.

label-number = Nummer
label-carrier = Zustelldienst
label-status = Zustand
label-what = Was geschehen ist
label-next = Was zu tun ist
label-progress = Fortschritt
label-step = Schritt { $step } von { $of }
label-milestone = Nächster Schritt
label-problem = Problem
label-also = Auch möglich
label-page = Seite
label-event = Ereignis
label-time-zone-unknown = Zeitzone unbekannt
label-disputed = zweifelhaft
label-retracted = zurückgezogen
label-unknown = (Noch) keine Quelle kennt diese Nummer.
label-acknowledged = Gesehen
label-assignee = Zugewiesen an
label-resolved = Von Hand geschlossen
label-note = Notiz
label-promised = Vom Zustelldienst zugesagt
label-expected = Jetzt erwartet
