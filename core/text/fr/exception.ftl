### Les problèmes, que faire et qui le fait. $audience vaut "recipient" ou "shipper".

exception-delay = En retard
    .text = Le colis arrivera plus tard que prévu.
exception-no-update = Pas de nouvelles depuis longtemps
    .text = Il n’y a pas de nouvelles depuis plus longtemps que d’habitude. Le colis n’est pas perdu pour autant.
exception-not-handed-over = Pas encore remis au transporteur
    .text = Le transporteur est informé du colis et n’a pas encore signalé l’avoir reçu.
exception-customs = En attente de la douane
    .text = La douane garde le colis pour le moment.
exception-address = Problème d’adresse
    .text = Le transporteur ne peut pas livrer le colis à cette adresse.
exception-failed-delivery = Échec de la livraison
    .text = Le transporteur a essayé de livrer le colis, sans succès.
exception-refused-or-unclaimed = Non accepté ou non retiré
    .text = Le colis n’a pas été accepté, ou n’a pas encore été retiré.
exception-hold = En attente
    .text = Le transporteur garde le colis pour le moment.
exception-damage = Endommagé
    .text = Un dommage sur le colis a été signalé.
exception-loss = Introuvable
    .text = Le transporteur ne trouve pas le colis ou l’a déclaré perdu.
exception-routing = Envoyé au mauvais endroit
    .text = Le colis a été envoyé au mauvais endroit et sera réexpédié de là.
exception-return = En route vers l’expéditeur
    .text = Le colis retourne à l’expéditeur.
exception-compliance = Ne peut pas continuer
    .text = Le colis, tel qu’il est, ne peut pas être transporté ou importé.
exception-data-quality = Informations contradictoires
    .text = Les informations sur le colis se contredisent. Il est peut-être ailleurs.
exception-other = Problème signalé
    .text = Le transporteur signale un problème sans dire lequel.
exception-missing-contents = Contenu manquant
    .text = Il manque quelque chose dans le colis.

## Que faire : le nom, ce que cela dit à qui doit le faire, et ce que cela dit à l’autre.
## $who est l’un des responsables ci-dessous, en début de phrase.

action-wait = Attendre
    .you = Vous n’avez rien à faire.
    .other = { $who } s’en occupe. Vous n’avez rien à faire.
action-provide-information = Fournir des informations
    .you = Donnez au transporteur les documents ou les précisions qui manquent.
    .other = { $who } doit fournir des documents ou des précisions.
action-pay-charges = Payer la somme due
    .you = Payez la somme due, et seulement sur la page ou au bureau du transporteur.
    .other = { $who } doit payer la somme due.
action-correct-address = Corriger l’adresse
    .you = Donnez au transporteur l’adresse juste et complète.
    .other = { $who } doit corriger l’adresse.
action-arrange-redelivery = Convenir d’une nouvelle livraison
    .you = Choisissez avec le transporteur un autre jour ou un autre lieu de livraison.
    .other = { $who } doit choisir un autre jour ou un autre lieu de livraison.
action-collect = Retirer le colis
    .you = Retirez le colis, avec une pièce d’identité.
    .other = { $who } doit retirer le colis.
action-contact-carrier = Demander au transporteur
    .you = Demandez au transporteur où est le colis.
    .other = { $who } peut demander au transporteur où est le colis.
action-hand-over = Remettre le colis au transporteur
    .you = Remettez le colis au transporteur. Si c’est déjà fait, demandez-lui où il est.
    .other = { $who } doit remettre le colis au transporteur ou lui demander où il est.
action-file-claim = Demander une indemnisation
    .you = Demandez une indemnisation au transporteur.
    .other = { $who } peut demander une indemnisation au transporteur.
action-reship-or-refund = Renvoyer ou rembourser
    .you = Convenez avec le destinataire d’un nouvel envoi ou d’un remboursement.
    .other = { $who } décide d’un nouvel envoi ou d’un remboursement.
action-review-data = Vérifier les informations
    .you = Vérifiez les informations.
    .other = { $who } vérifie les informations. Vous n’avez rien à faire.
action-change-to-pickup-point = Choisir un point de retrait
    .you = Faites envoyer le colis à un point de retrait.
    .other = { $who } peut faire envoyer le colis à un point de retrait.
action-return-or-dispose = Décider du retour
    .you = Dites au transporteur s’il doit renvoyer ou éliminer le colis.
    .other = { $who } décide si le colis est renvoyé.
action-open-investigation = Faire rechercher le colis
    .you = Faites rechercher le colis par le transporteur.
    .other = { $who } recherche le colis.
action-collect-evidence = Garder les preuves
    .you = { $audience ->
        [recipient] Gardez l’emballage et prenez des photos.
       *[shipper] Demandez au destinataire de garder l’emballage et de prendre des photos.
    }
    .other = { $audience ->
        [recipient] Gardez l’emballage, prenez des photos et prévenez l’expéditeur.
       *[shipper] { $who } fait des recherches. Gardez vos documents sur le colis.
    }

owner-nobody = Personne
owner-recipient = Le destinataire
owner-shipper = L’expéditeur
owner-carrier = Le transporteur
owner-authority = La douane
owner-operator = Le service de suivi
# C’est à l’autre d’agir : ce que le lecteur peut faire.
tell-shipper = Vous pouvez le demander à l’expéditeur.
tell-recipient = Prévenez le destinataire.
