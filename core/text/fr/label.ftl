### Mots de la ligne de commande.

label-number = Numéro
label-carrier = Transporteur
label-status = État
label-what = Ce qui s’est passé
label-next = Que faire
label-progress = Progression
label-step = étape { $step } sur { $of }
label-milestone = Étape suivante
label-problem = Problème
label-also = Autre possibilité
label-page = Page
label-event = Événement
label-time-zone-unknown = fuseau horaire inconnu
label-disputed = douteux
label-retracted = retiré
label-unknown = Aucune source ne connaît ce numéro (pour l’instant).
label-acknowledged = Vu
label-assignee = Confié à
label-resolved = Clos à la main
label-note = Note
label-promised = Promis par le transporteur
label-expected = Prévu maintenant
