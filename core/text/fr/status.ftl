### Où se trouve un colis : états, phases des codes inconnus, étapes et les phrases autour.
### $audience vaut "recipient" (destinataire) ou "shipper" (expéditeur).

status-pending = Pas encore de nouvelles
    .text = Aucun transporteur n’a encore rien signalé au sujet du colis.
    .next = { $audience ->
        [recipient] Vous n’avez rien à faire. Revenez voir plus tard.
       *[shipper] Vérifiez le numéro s’il n’y a toujours pas de nouvelles dans quelques jours.
    }
status-info-received = Annoncé au transporteur
    .text = Le transporteur connaît le colis et ne l’a pas encore.
    .next = { $audience ->
        [recipient] Vous n’avez rien à faire.
       *[shipper] Remettez le colis au transporteur si ce n’est pas déjà fait.
    }
status-in-transit = En route
    .text = { $audience ->
        [recipient] Le colis est en route vers chez vous.
       *[shipper] Le colis est en route vers le destinataire.
    }
    .next = Vous n’avez rien à faire.
status-out-for-delivery = En cours de livraison
    .text = Le colis est dans le véhicule de livraison.
    .next = { $audience ->
        [recipient] Veillez à ce que quelqu’un puisse le recevoir.
       *[shipper] Vous n’avez rien à faire.
    }
status-delivery-attempted = Échec de la livraison
    .text = Le transporteur n’a pas pu livrer le colis.
    .next = { $audience ->
        [recipient] Cherchez un avis du transporteur. Il indique ce que vous pouvez faire.
       *[shipper] Le destinataire doit convenir d’une nouvelle livraison avec le transporteur.
    }
status-available-for-pickup = Prêt à être retiré
    .text = { $audience ->
        [recipient] Vous pouvez retirer le colis.
       *[shipper] Le destinataire peut retirer le colis.
    }
    .next = { $audience ->
        [recipient] Retirez-le à temps, avec une pièce d’identité.
       *[shipper] Vous n’avez rien à faire.
    }
status-delivered = Livré
    .text = Le colis a été livré.
    .next = { $audience ->
        [recipient] Si vous ne l’avez pas, demandez chez vous et aux voisins, puis à l’expéditeur.
       *[shipper] Vous n’avez rien à faire.
    }
status-returning = En route vers l’expéditeur
    .text = Le colis retourne à l’expéditeur.
    .next = { $audience ->
        [recipient] Demandez à l’expéditeur un nouvel envoi ou votre argent.
       *[shipper] Convenez avec le destinataire d’un nouvel envoi ou d’un remboursement.
    }
status-returned = De retour chez l’expéditeur
    .text = L’expéditeur a de nouveau le colis.
    .next = { $audience ->
        [recipient] Demandez à l’expéditeur un nouvel envoi ou votre argent.
       *[shipper] Convenez avec le destinataire d’un nouvel envoi ou d’un remboursement.
    }
status-cancelled = Annulé
    .text = L’envoi a été annulé avant de commencer.
    .next = { $audience ->
        [recipient] Demandez à l’expéditeur si vous attendez encore le colis.
       *[shipper] Vous n’avez rien à faire.
    }
status-failed = N’arrivera pas
    .text = Le colis n’arrivera pas. Il a été perdu, détruit ou saisi par une autorité.
    .next = { $audience ->
        [recipient] Demandez à l’expéditeur un nouvel envoi ou votre argent.
       *[shipper] Demandez une indemnisation et convenez avec le destinataire d’un nouvel envoi ou d’un remboursement.
    }

## De quoi parle un code d’une version ultérieure : le premier chiffre de son numéro.

phase-1 = Avant le voyage
    .text = Il y a du nouveau d’avant la remise du colis au transporteur.
phase-2 = Au départ
    .text = Il y a du nouveau du lieu de départ du colis.
phase-3 = En route
    .text = Il y a du nouveau sur le voyage du colis.
phase-4 = À la douane
    .text = Il y a du nouveau de la douane au sujet du colis.
phase-5 = Près de la destination
    .text = Il y a du nouveau de la zone de livraison.
phase-6 = Livraison
    .text = Il y a du nouveau sur la livraison du colis.
phase-7 = Retour
    .text = Il y a du nouveau sur le retour du colis.
phase-8 = Problème
    .text = Il y a du nouveau sur un problème avec le colis.
phase-9 = Note
    .text = Il y a une note au sujet du colis.

## Étapes du voyage.

milestone-info-received = Annoncé au transporteur
milestone-picked-up = Chez le transporteur
milestone-in-transit = En route
milestone-at-facility = Dans un centre de tri
milestone-departed-origin = A quitté le pays d’origine
milestone-arrived-destination = Arrivé dans le pays de destination
milestone-customs-cleared = Libéré par la douane
milestone-out-for-delivery = En cours de livraison
milestone-available-for-pickup = Prêt à être retiré
milestone-delivered = Livré
milestone-returning = Retour commencé
milestone-returned = De retour chez l’expéditeur

## Les phrases autour.

# Ce qui sépare deux phrases.
between = { " " }
because = Motif : { $reason }.
last-seen = Dernière nouvelle : { $place }, { $date }.
last-place = Dernière nouvelle : { $place }.
last-time = Dernière nouvelle : { $date }.
place = { $city }, { $country }
next = Ensuite : { $milestone }.
announced = La livraison est annoncée pour le { $date }.
announced-between = La livraison est annoncée entre le { $start } et le { $end }.
forecast = Nous attendons la livraison le { $date }. C’est notre propre estimation, d’après { $count } colis sur ce trajet ; le transporteur ne l’a pas dit.
forecast-between = Nous attendons la livraison entre le { $start } et le { $end }. C’est notre propre estimation, d’après { $count } colis sur ce trajet ; le transporteur ne l’a pas dit.
silence-sea = Le colis voyage par bateau. Aucune nouvelle n’est attendue avant le { $date } environ ; c’est normal.
silence-air = Le colis voyage entre deux pays. Aucune nouvelle n’est attendue avant le { $date } environ ; c’est normal.
silence-lane = Sur ce trajet, le colis n’est pas enregistré pendant un certain temps. Aucune nouvelle n’est attendue avant le { $date } environ ; c’est normal.
silence-peak = C’est la haute saison. Aucune nouvelle n’est attendue avant le { $date } environ ; c’est normal.
collect-by = Dernier jour pour le retirer : { $date }.
deadline = Date limite : { $date }.
carrier-name = Transporteur : { $carrier }.
resolved = C’est réglé.
# Un jour dont personne ne connaît le fuseau horaire.
in-utc = { $date } (UTC)
date = { $day ->
    [1] 1er
   *[other] { $day }
} { $month ->
    [1] janvier
    [2] février
    [3] mars
    [4] avril
    [5] mai
    [6] juin
    [7] juillet
    [8] août
    [9] septembre
    [10] octobre
    [11] novembre
   *[12] décembre
} { $year }
