### Problemas, qué hacer y quién lo hace. $audience es "recipient" o "shipper".

exception-delay = Retrasado
    .text = El paquete llegará más tarde de lo previsto.
exception-no-update = Sin noticias desde hace mucho
    .text = Hace más tiempo de lo habitual que no hay noticias. Eso no significa que el paquete se haya perdido.
exception-not-handed-over = Aún no entregado al transportista
    .text = El transportista tiene el aviso del paquete y aún no ha comunicado que lo tenga.
exception-customs = A la espera de la aduana
    .text = La aduana retiene el paquete por ahora.
exception-address = Problema con la dirección
    .text = El transportista no puede entregar el paquete en esta dirección.
exception-failed-delivery = Entrega fallida
    .text = El transportista intentó entregar el paquete y no pudo.
exception-refused-or-unclaimed = No aceptado o no recogido
    .text = El paquete no fue aceptado, o todavía no se ha recogido.
exception-hold = Detenido
    .text = El transportista guarda el paquete por ahora.
exception-damage = Dañado
    .text = Se ha comunicado un daño en el paquete.
exception-loss = No se encuentra
    .text = El transportista no encuentra el paquete o lo ha dado por perdido.
exception-routing = Enviado a un lugar equivocado
    .text = El paquete se envió a un lugar equivocado y se reenviará desde allí.
exception-return = De vuelta hacia el remitente
    .text = El paquete vuelve al remitente.
exception-compliance = No puede seguir su viaje
    .text = El paquete, tal como está, no se puede transportar o importar.
exception-data-quality = Informes contradictorios
    .text = Los informes sobre el paquete se contradicen. Puede estar en otro lugar.
exception-other = Problema comunicado
    .text = El transportista comunica un problema y no dice cuál.
exception-missing-contents = Falta contenido
    .text = Falta algo en el paquete.

## Qué hacer: cómo se llama, qué dice a quien tiene que hacerlo y qué dice al otro.
## $who es uno de los responsables de más abajo, al principio de la frase.

action-wait = Esperar
    .you = No tiene que hacer nada.
    .other = { $who } se ocupa de ello. No tiene que hacer nada.
action-provide-information = Facilitar información
    .you = Facilite al transportista los documentos o datos que faltan.
    .other = { $who } tiene que facilitar documentos o datos.
action-pay-charges = Pagar lo pendiente
    .you = Pague lo pendiente, y solo en la página o la oficina del propio transportista.
    .other = { $who } tiene que pagar lo pendiente.
action-correct-address = Corregir la dirección
    .you = Comunique al transportista la dirección correcta y completa.
    .other = { $who } tiene que corregir la dirección.
action-arrange-redelivery = Acordar una nueva entrega
    .you = Acuerde con el transportista otro día o lugar de entrega.
    .other = { $who } tiene que acordar otro día o lugar de entrega.
action-collect = Recoger el paquete
    .you = Recoja el paquete y lleve un documento de identidad.
    .other = { $who } tiene que recoger el paquete.
action-contact-carrier = Preguntar al transportista
    .you = Pregunte al transportista dónde está el paquete.
    .other = { $who } puede preguntar al transportista dónde está el paquete.
action-hand-over = Entregar el paquete al transportista
    .you = Entregue el paquete al transportista. Si ya lo ha hecho, pregúntele dónde está.
    .other = { $who } tiene que entregar el paquete al transportista o preguntarle dónde está.
action-file-claim = Reclamar una indemnización
    .you = Reclame una indemnización al transportista.
    .other = { $who } puede reclamar una indemnización al transportista.
action-reship-or-refund = Reenviar o reembolsar
    .you = Acuerde con el destinatario otro envío o un reembolso.
    .other = { $who } decide sobre otro envío o un reembolso.
action-review-data = Revisar los informes
    .you = Revise los informes.
    .other = { $who } está revisando los informes. No tiene que hacer nada.
action-change-to-pickup-point = Elegir un punto de recogida
    .you = Pida que envíen el paquete a un punto de recogida.
    .other = { $who } puede pedir que envíen el paquete a un punto de recogida.
action-return-or-dispose = Decidir sobre la devolución
    .you = Diga al transportista si debe devolver o eliminar el paquete.
    .other = { $who } decide si el paquete vuelve.
action-open-investigation = Pedir que se busque
    .you = Pida al transportista que busque el paquete.
    .other = { $who } está buscando el paquete.
action-collect-evidence = Guardar las pruebas
    .you = { $audience ->
        [recipient] Guarde el embalaje y haga fotos.
       *[shipper] Pida al destinatario que guarde el embalaje y haga fotos.
    }
    .other = { $audience ->
        [recipient] Guarde el embalaje, haga fotos y avise al remitente.
       *[shipper] { $who } lo está investigando. Guarde su documentación del paquete.
    }

owner-nobody = Nadie
owner-recipient = El destinatario
owner-shipper = El remitente
owner-carrier = El transportista
owner-authority = La aduana
owner-operator = El servicio de seguimiento
# Tiene que actuar el otro: qué puede hacer el lector.
tell-shipper = Puede preguntar al remitente.
tell-recipient = Avise al destinatario.
