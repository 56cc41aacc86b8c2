### Palabras de la línea de órdenes.

label-number = Número
label-carrier = Transportista
label-status = Estado
label-what = Qué ha pasado
label-next = Qué hacer
label-progress = Progreso
label-step = paso { $step } de { $of }
label-milestone = Paso siguiente
label-problem = Problema
label-also = También es posible
label-page = Página
label-event = Suceso
label-time-zone-unknown = zona horaria desconocida
label-disputed = dudoso
label-retracted = retirado
label-unknown = Ninguna fuente conoce este número (todavía).
label-acknowledged = Visto
label-assignee = Asignado a
label-resolved = Cerrado a mano
label-note = Nota
label-promised = Prometido por el transportista
label-expected = Previsto ahora
